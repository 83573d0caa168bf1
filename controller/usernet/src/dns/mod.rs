//! The network's name server: names of the network, then all that the host can resolve.

mod hosts_file;
mod server;
pub mod upstream;
mod zones;

pub use hosts_file::HostsFile;
pub use server::{answer, datagram};
pub use upstream::{Lookups, Upstream};
pub use zones::{Target, Zone, Zones};

/// DNS.
pub const PORT: u16 = 53;
