//! Wake-ups when directories change.

mod directory_watch;
mod error;
mod inbox;
mod place;
mod root;

pub use directory_watch::DirectoryWatch;
pub use error::WatchError;
pub use root::WatchRoot;
