//! A peer on the daemon's sockets that sends and reads single frames.

mod daemon;
pub mod guest;
pub mod tcp;

pub use daemon::Daemon;
pub use guest::Guest;
