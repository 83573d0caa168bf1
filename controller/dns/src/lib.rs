//! Answering guests' DNS queries: first names of our own, then all that the host can resolve.
//!
//! The network daemon and the host agent answer alike, each with its own [`Names`]. Messages are
//! parsed by `hickory-proto`; nothing here listens anywhere.

mod connection;
mod names;
mod server;
pub mod upstream;

pub use connection::connection;
pub use names::{Known, Names, Target, plain};
pub use server::{answer, datagram};
pub use upstream::{Lookups, Upstream};

/// DNS.
pub const PORT: u16 = 53;
