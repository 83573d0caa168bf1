//! What people ask for beside the manifests: to leave objects alone, to let many go, to go back.

mod deletions;
mod of_source;
mod remembered;
#[expect(clippy::module_inception, reason = "the file of the type has the type's name")]
mod requests;
mod rewinds;
mod rollback;
mod stored;

pub(crate) use deletions::{gone, quoted};
pub use of_source::OfSource;
pub(crate) use remembered::Remembered;
pub use requests::{Requests, RequestsError};
pub use rollback::Back;
