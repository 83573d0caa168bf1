//! Where a frame came from.

use crate::switch::PortId;
use crate::wire::Mac;

/// A sender.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Its port.
    pub port: PortId,
    /// Its hardware address.
    pub mac: Mac,
}
