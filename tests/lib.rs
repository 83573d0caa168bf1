//! What the scenario, command-line and live tests share.
