//! What the host has of networks: its interfaces, and bridges that VMs can join.

mod bridge;
mod interfaces;

pub use bridge::join_bridge;
pub use interfaces::{interface_kind, interfaces};
