//! Lima's rules, and ours, over a filled template.
//!
//! The rules are those that Lima checks before it starts an instance, so that what passes here
//! also passes there.

mod disks;
mod error;
mod forwards;
mod images;
mod instance;
mod machine;
mod mounts;
mod networks;
mod provision;

pub use error::FieldError;

use crate::{HostFacts, Instance, Lima};

/// Every rule that `instance`, with its template filled as `filled`, breaks.
pub fn validate(instance: &Instance, filled: &Lima, host: &HostFacts) -> Vec<FieldError> {
    let mut errors = Vec::new();
    instance::check(instance, host, &mut errors);
    machine::check(filled, &mut errors);
    images::check(filled, &mut errors);
    disks::check(filled, &mut errors);
    mounts::check(filled, &mut errors);
    provision::check(filled, &mut errors);
    forwards::check(filled, host, &mut errors);
    networks::check(filled, &mut errors);
    errors
}
