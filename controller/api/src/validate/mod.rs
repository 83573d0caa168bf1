//! Lima's rules, and ours, over a filled template.
//!
//! Lima's are those that it checks before it starts an instance, so that what passes here also
//! passes there. Ours go further where Lima's silence costs the user an evening: two mounts at
//! one place, forwards that meet, paths that do not exist. Every rule that is broken is reported,
//! each at the place where the value was written and with what to write instead.

mod certs;
mod checks;
mod containerd;
mod copies;
mod disks;
mod drivers;
mod experimental;
mod file;
mod findings;
mod forwards;
mod images;
mod instance;
mod machine;
mod mounts;
mod network;
mod networks;
mod overlaps;
mod params;
mod probes;
mod provision;
mod user;
mod user_v2;

pub use checks::{Checks, PathKind};
pub use instance::name_errors;
pub use network::network_errors;
pub use user_v2::DENIED;

use crate::{FieldError, Filled, Instance};
use findings::Findings;

/// Every rule that `instance`, with its template filled as `filled`, breaks, and what was noted
/// while it was filled. Some are only warnings.
pub fn validate(instance: &Instance, filled: &Filled, checks: &Checks<'_>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    instance::check(instance, checks.host, &mut errors);
    errors.extend(filled.notes.iter().cloned());
    params::check_use(&instance.spec.template, &mut errors);
    let (lima, mut findings) = (&filled.lima, Findings::default());
    machine::check(lima, checks, &mut findings);
    drivers::check(lima, checks.host, &mut findings);
    user::check(lima, &mut findings);
    images::check(lima, checks, &mut findings);
    disks::check(lima, &mut findings);
    mounts::check(lima, checks, &mut findings);
    provision::check(lima, checks, &mut findings);
    probes::check(lima, &mut findings);
    containerd::check(lima, &mut findings);
    forwards::check(lima, checks.host, &mut findings);
    overlaps::check(lima, &mut findings);
    copies::check(lima, &mut findings);
    networks::check(lima, checks, &mut findings);
    certs::check(lima, checks, &mut findings);
    params::check(lima, &mut findings);
    experimental::check(lima, checks.host, &mut findings);
    errors.extend(findings.placed(filled, &instance.spec.template, checks.host));
    errors
}
