//! Verdicts on whole objects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use limekiln_api::{DiskSpec, HostFacts, Lima, Name, NetworkSpec};

use super::judge::{Judge, denied, pattern, quoted, written};
use super::{HostPolicy, Verdict, files, forwards, guest, machine, mounts, networks, quotas};

/// Follows the links of an absolute path. What does not exist is added as it is written.
///
/// # Errors
/// Why nobody can say where it leads.
pub(crate) type Resolve<'a> = dyn Fn(&Path) -> Result<PathBuf, String> + Sync + 'a;

/// What verdicts are reached on besides policy and object.
pub struct Ground<'a> {
    /// The host.
    pub facts: &'a HostFacts,
    /// Follows the links of a path of the host.
    pub resolve: &'a Resolve<'a>,
    /// The Disks of the object's source: these may be used by instances of the same source.
    pub own_disks: &'a BTreeSet<Name>,
    /// The Networks of the object's source.
    pub own_networks: &'a BTreeSet<Name>,
}

/// What a policy says of an instance with its template filled in. Paths are those of a manifest,
/// below `spec.template` by the positions of the filled template.
pub fn instance(
    policy: &HostPolicy,
    ground: &Ground<'_>,
    name: &Name,
    filled: &Lima,
) -> Vec<Verdict> {
    let mut judge = Judge::new(policy, ground);
    judge.verdicts.push(named(policy, name));
    machine::judge(&mut judge, filled);
    quotas::judge(&mut judge, filled);
    files::judge(&mut judge, filled);
    mounts::judge(&mut judge, filled);
    networks::judge(&mut judge, filled);
    forwards::judge(&mut judge, name, filled);
    guest::judge(&mut judge, filled);
    judge.verdicts
}

/// What a policy says of a Disk.
pub fn disk(
    policy: &HostPolicy,
    ground: &Ground<'_>,
    name: &Name,
    spec: &DiskSpec,
) -> Vec<Verdict> {
    let mut judge = Judge::new(policy, ground);
    judge.verdicts.push(named(policy, name));
    quotas::judge_disk(&mut judge, spec);
    judge.verdicts
}

/// What a policy says of a Network.
pub fn network(
    policy: &HostPolicy,
    ground: &Ground<'_>,
    name: &Name,
    spec: &NetworkSpec,
) -> Vec<Verdict> {
    let mut judge = Judge::new(policy, ground);
    judge.verdicts.push(named(policy, name));
    networks::judge_network(&mut judge, spec);
    judge.verdicts
}

/// What a policy says of an object that came from another source, `owner`.
pub(crate) fn take_over(policy: &HostPolicy, name: &Name, owner: &str) -> Verdict {
    const RULE: &str = "takeOver";
    let allowed = super::glob::fits_any(&policy.rules().take_over, name.as_str());
    let denial = (!allowed).then(|| {
        let write = written(RULE, &format!("[{}]", quoted(name.as_str())));
        denied(format!("{name} is there already, and came from {owner}"), write)
    });
    Verdict::new(policy, RULE, "metadata.name", name, denial)
}

/// What a policy says of an object's name.
pub(crate) fn named(policy: &HostPolicy, name: &Name) -> Verdict {
    let denial = pattern(&policy.rules().names, "names", name.as_str());
    Verdict::new(policy, "names", "metadata.name", name, denial)
}

/// A field of the template, by its path below that.
pub(super) fn of_template(path: impl AsRef<str>) -> String {
    format!("spec.template.{}", path.as_ref())
}

/// Notes whether an object of that name may be used: one of the same source, or one that fits.
pub(super) fn reference(
    judge: &mut Judge<'_>,
    own: &BTreeSet<Name>,
    patterns: &[String],
    rule: &str,
    path: &str,
    name: &str,
) {
    let allowed =
        own.iter().any(|own| own.as_str() == name) || super::glob::fits_any(patterns, name);
    let denial = (!allowed).then(|| {
        let why = format!("{} is not of the same source", quoted(name));
        denied(why, written(rule, &format!("[{}]", quoted(name))))
    });
    judge.note(rule, path, name, denial);
}
