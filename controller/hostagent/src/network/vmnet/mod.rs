//! socket_vmnet: the daemon of `host`, `shared` and `bridged` networks on macOS, which runs as
//! root.

mod commands;
mod daemon;
mod sudoers;

pub use commands::VmnetNetwork;
pub use daemon::{VmnetDaemon, sudo_works};
pub use sudoers::{must_be_safe, sudoers};
