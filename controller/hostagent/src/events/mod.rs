//! The event log `ha.stdout.log`, with Lima's JSON shape: `limactl` reads it, and so do we.

mod event;
mod reader;
mod writer;

pub use event::{Event, PortForward, PortForwardType, Status};
pub use reader::EventReader;
pub(crate) use writer::EventWriter;
