//! What must hold, whatever goes wrong.

mod allowed;
mod end;
mod leaks;
mod watch;

pub use end::{End, difference, of, whole};
pub use leaks::leaks;
pub use watch::{Revision, Watch};
