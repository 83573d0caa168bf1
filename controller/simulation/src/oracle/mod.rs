//! What must hold, whatever goes wrong.

mod allowed;
mod end;
mod force;
mod leaks;
mod shelf;
mod watch;

pub use end::{End, difference, of, whole};
pub use force::behind;
pub use leaks::leaks;
pub use shelf::{Shelf, is_kept_as};
pub use watch::{Revision, Watch};
