//! What happens in one schedule: manifests, people, and faults.

mod catalogue;
mod chapter;
mod deed;
mod draw;
mod fault;
mod object;
mod ordered;
mod plot;
mod scene;
mod source;

pub use catalogue::Catalogue;
pub use chapter::{Chapter, Story};
pub use deed::Deed;
pub use fault::{Armed, Fault, Trigger};
pub use object::{Described, Machine};
pub use ordered::{Ordered, Verb};
pub use source::Source;
