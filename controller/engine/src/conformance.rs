//! What every engine must do alike.
