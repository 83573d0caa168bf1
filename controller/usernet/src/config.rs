//! How a network is to be.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::dns::Target;
use crate::subnet::Subnet;
use crate::wire::Mac;

/// All that a daemon is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its pid is written.
    pub pidfile: Option<PathBuf>,
    /// The HTTP API's socket.
    pub endpoint: Option<PathBuf>,
    /// The socket for QEMU.
    pub listen_qemu: Option<PathBuf>,
    /// The socket for handed-over descriptors.
    pub listen: Option<PathBuf>,
    /// The network's addresses.
    pub subnet: Subnet,
    /// The longest IP packet, 576 to 65,520.
    pub mtu: usize,
    /// Addresses that VMs already have.
    pub leases: BTreeMap<Ipv4Addr, Mac>,
    /// Where leases are kept.
    pub leases_file: Option<PathBuf>,
    /// Where it is kept which address is whose card's.
    pub cards_file: Option<PathBuf>,
    /// Where names and forwards are kept, for the next daemon after a crash.
    pub state_file: Option<PathBuf>,
    /// Names that guests can look up.
    pub hosts: Vec<(String, Target)>,
    /// Where there are more, which may change.
    pub hosts_file: Option<PathBuf>,
    /// Destinations that are denied unless they are here.
    pub allow: Vec<Subnet>,
}
