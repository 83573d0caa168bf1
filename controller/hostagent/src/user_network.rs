//! QEMU's own network, as Lima lays it out.

use std::net::Ipv4Addr;

/// The host.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 5, 2);
/// The name server.
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(192, 168, 5, 3);
/// The guest.
pub(crate) const GUEST: Ipv4Addr = Ipv4Addr::new(192, 168, 5, 15);
