//! What names a connection.

use std::net::SocketAddrV4;

/// The two ends of a connection, as the guest sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The guest's end.
    pub guest: SocketAddrV4,
    /// The other: where the guest connects to, or the gateway's port from which a host forward
    /// comes.
    pub remote: SocketAddrV4,
}
