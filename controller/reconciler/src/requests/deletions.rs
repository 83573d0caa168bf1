//! Which deletions beyond the budget were allowed.

use std::collections::BTreeSet;

use limekiln_model::{Desired, ObjectId, Observed, Policy, Report, WaitReason};

use super::{OfSource, Requests};

impl Requests {
    /// Whether all that is gone from the sources may be deleted: of each source that something is
    /// gone from, the revision that is in force was acknowledged, or that of all sources together
    /// was.
    pub(super) fn allow_all(&self, desired: &Desired, observed: &Observed) -> bool {
        if self.deletions.contains(&OfSource::any(desired.revision.clone())) {
            return true;
        }
        let gone = sources_with_gone(desired, observed);
        !gone.is_empty() && gone.into_iter().all(|source| self.allow(desired, source))
    }

    /// Whether what is gone from a source may be deleted.
    fn allow(&self, desired: &Desired, source: &str) -> bool {
        let revision = desired.revisions.get(source);
        revision.is_some_and(|revision| self.deletions.iter().any(|one| one.is(source, revision)))
    }

    /// Has each object that is held back say which command lets it go.
    pub(crate) fn tell(
        &self,
        report: &mut Report,
        desired: &Desired,
        observed: &Observed,
        policy: &Policy,
    ) {
        if !policy.prune {
            return;
        }
        for (id, waiting) in &mut report.waiting {
            let held = waiting.iter_mut();
            let held = held.filter(|one| matches!(one.reason, WaitReason::Unpruned { .. }));
            for one in held {
                if let Some(command) = self.command(id, desired, observed) {
                    one.hint = Some(format!("if that is meant: `{command}`"));
                }
            }
        }
    }

    /// For the object's own source, or for another one if that waits for it.
    fn command(&self, id: &ObjectId, desired: &Desired, observed: &Observed) -> Option<String> {
        let own = &observed.owners.get(id)?.origin.source;
        let mut sources = std::iter::once(own).chain(sources_with_gone(desired, observed));
        let source = sources.find(|source| !self.allow(desired, source))?;
        let revision = desired.revisions.get(source)?;
        Some(format!("limekiln ack --prune {revision} --source {}", quoted(source)))
    }
}

/// The sources that something is gone from.
fn sources_with_gone<'a>(desired: &Desired, observed: &'a Observed) -> BTreeSet<&'a String> {
    let gone = observed.owners.iter().filter(|(id, owner)| {
        desired.sources.contains(&owner.origin.source)
            && !desired.mentions(id)
            && observed.exists(id)
    });
    gone.map(|(_, owner)| &owner.origin.source).collect()
}

/// A source as one word of a shell.
fn quoted(source: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&byte);
    match source.bytes().all(plain) {
        true => source.to_owned(),
        false => format!("'{}'", source.replace('\'', r"'\''")),
    }
}
