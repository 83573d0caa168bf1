//! An Ethernet switch between the VMs of a network.

mod batch;
mod card;
mod cards;
mod handed;
mod port;
mod process;
mod queue;
#[expect(clippy::module_inception, reason = "one noun per file")]
mod switch;
mod taken;

pub use batch::Batch;
pub use card::Card;
pub use cards::{Cards, Refusal};
pub use handed::receive;
pub use port::{Kind, Port};
pub use process::peer;
pub use queue::{Pool, Queue};
pub use switch::{PortId, Switch};
