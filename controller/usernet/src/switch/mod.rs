//! An Ethernet switch between the VMs of a network.

mod batch;
mod handed;
mod port;
mod queue;
#[expect(clippy::module_inception, reason = "one noun per file")]
mod switch;

pub use batch::Batch;
pub use handed::receive;
pub use port::{Kind, Port};
pub use queue::{Queue, limit};
pub use switch::{PortId, Switch};
