//! Whose card it is.

use crate::wire::Mac;

/// A VM's card, which is to be known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its own address.
    pub mac: Mac,
    /// The VM's process, where the system tells it.
    pub pid: Option<u32>,
}
