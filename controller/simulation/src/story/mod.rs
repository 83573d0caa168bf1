//! What happens in one schedule: manifests, people, and faults.

mod catalogue;
mod chapter;
mod deed;
mod draw;
mod fault;
mod object;
mod plot;

pub use catalogue::Catalogue;
pub use chapter::{Chapter, Story};
pub use deed::Deed;
pub use fault::{Armed, Fault, Trigger};
pub use object::{Described, Machine};
