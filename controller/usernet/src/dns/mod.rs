//! The network's name server: names of the network, then all that the host can resolve.

mod hosts_file;
mod zones;

pub use hosts_file::{HostsFile, hosts};
pub use limekiln_dns::{Lookups, PORT, Target, Upstream, connection, datagram, upstream};
pub use zones::{Zone, Zones};
