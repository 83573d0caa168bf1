//! The gateway of a network: addresses, names, and the way to the host and beyond.

mod dhcp;
mod flows;
mod forwards;
mod fragments;
#[expect(clippy::module_inception, reason = "one noun per file")]
mod gateway;
mod neighbours;
mod origin;
mod ping;
mod udp;

pub use dhcp::Dhcp;
pub use flows::Sockets;
pub use forwards::{Forward, Listener, More};
pub use fragments::Fragments;
pub use gateway::Gateway;
pub use origin::Origin;
pub use udp::{Ends, answer};
