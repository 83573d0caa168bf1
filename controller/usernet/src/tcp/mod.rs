//! TCP between guests and the host.

mod buffers;
mod device;
mod flow;
mod host;
mod key;
mod outgoing;
mod table;
#[expect(clippy::module_inception, reason = "one noun per file")]
mod tcp;
mod timers;

pub use flow::Flow;
pub use host::Host;
pub use key::Key;
pub use outgoing::Outgoing;
pub use table::{FlowId, Outcome};
pub use tcp::Tcp;
