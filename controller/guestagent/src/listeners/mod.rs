//! What listens in the guest.
//!
//! TCP sockets that listen and UDP sockets that are bound to a port and connected to nobody, of
//! IPv4 and IPv6, in the agent's own network namespace. The kernel is asked by netlink, or where
//! that is not allowed, by the tables in /proc/net.
//!
//! Nobody tells when a socket begins to listen, so the agent looks, but cheaply: at first only at
//! how many sockets are in use ([`Hint`]), which the kernel counts anyway.

mod hint;
mod listener;
mod netlink;
mod procfs;
mod scan;
mod watch;

pub use hint::Hint;
pub use listener::{Listener, Protocol};
pub use netlink::parse as parse_netlink;
pub use procfs::parse as parse_procfs;
pub use scan::{MOST, Scan, Scanner};
pub(crate) use watch::watch;
