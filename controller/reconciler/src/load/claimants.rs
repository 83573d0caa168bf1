//! Which of several descriptions of one object count.

use limekiln_model::Owner;

use super::entries::Entry;
use crate::policy::{Policies, Verdict, named, take_over};

/// The descriptions of one object, from several sources.
///
/// Whose policy denies the object does not count beside those who may have it: else anybody who can
/// write a name could hold up what is somebody else's. Where none may have it, all count, so that
/// the object is left alone.
pub(super) struct Claimants {
    /// Those that count, at least one.
    pub(super) standing: Vec<Entry>,
    /// The others, each with what denies it.
    pub(super) denied: Vec<(Entry, Verdict)>,
}

impl Claimants {
    /// Whether a policy can tell these apart.
    pub(super) fn differ(entries: &[Entry], policies: &Policies) -> bool {
        let sources = || entries.iter().map(|entry| &entry.origin.source);
        let first = sources().next();
        sources().any(|source| Some(source) != first)
            && sources().any(|source| !policies.of(source).allows_all())
    }

    /// `owner` is what the ledger says of the object.
    pub(super) fn new(entries: Vec<Entry>, owner: Option<&Owner>, policies: &Policies) -> Self {
        let (mut standing, mut denied) = (Vec::new(), Vec::new());
        for entry in entries {
            match denial(&entry, policies) {
                Some(verdict) => denied.push((entry, verdict)),
                None => standing.push(entry),
            }
        }
        if standing.is_empty() {
            standing.extend(denied.drain(..).map(|(entry, _)| entry));
        } else if let Some(owner) = owner {
            yield_to(&owner.origin.source, &mut standing, &mut denied, policies);
        }
        Self { standing, denied }
    }
}

/// Why an object of that name is none of its source's.
fn denial(entry: &Entry, policies: &Policies) -> Option<Verdict> {
    let verdict = named(policies.of(&entry.origin.source), &entry.id().name);
    Some(verdict).filter(|verdict| !verdict.allowed)
}

/// An owner that still describes its object keeps it from who may not take it over.
fn yield_to(
    owner: &str,
    standing: &mut Vec<Entry>,
    denied: &mut Vec<(Entry, Verdict)>,
    policies: &Policies,
) {
    if !standing.iter().any(|entry| entry.origin.source == owner) {
        return;
    }
    for entry in std::mem::take(standing) {
        let source = &entry.origin.source;
        let verdict = take_over(policies.of(source), &entry.id().name, owner);
        if source == owner || verdict.allowed {
            standing.push(entry);
        } else {
            denied.push((entry, verdict));
        }
    }
}
