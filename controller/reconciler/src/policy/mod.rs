//! What manifests may take from this host.
//!
//! Pure: filled templates come in, verdicts go out; links of the host's file system are resolved
//! by whoever asks. A policy is a file of this host, never of a source. What it does not allow is
//! denied, and an object with a denial is frozen as one with an error is. Manifests in directories
//! of this host are under [`HostPolicy::open`] unless somebody says otherwise, those of
//! repositories under [`HostPolicy::closed`].
//!
//! Each field of Lima's YAML is classified in [`FIELDS`]: which rule is asked for it, or why none
//! is. A test holds that list to the types, so that a new field cannot slip through.

mod confined;
mod existing;
mod fields;
mod files;
mod forwards;
mod glob;
mod guest;
mod host_policy;
mod judge;
mod judged;
mod machine;
mod mounts;
mod networks;
mod paths;
mod policies;
mod quotas;
mod rules;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use confined::Confined;
pub use existing::Existing;
pub use fields::{Class, FIELDS};
pub use host_policy::{HostPolicy, PolicyError};
pub use judged::{Ground, disk, instance, network};
pub(crate) use judged::{named, take_over};
pub use policies::Policies;
pub(crate) use quotas::{Share, over_quota, retained, spare_existing};
pub use rules::{PolicyRules, Quotas};
pub use verdict::Verdict;
