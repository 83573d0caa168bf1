//! Which deletions beyond the budget were allowed.

use std::collections::BTreeSet;

use limekiln_model::{Desired, ObjectId, Observed, Policy, Report, WaitReason};

use super::{OfSource, Requests};

impl Requests {
    /// The sources of which all that is gone may be deleted: those whose revision in force was
    /// acknowledged, or all of them, if that of all together was.
    pub(super) fn let_go_of(&self, desired: &Desired, observed: &Observed) -> BTreeSet<String> {
        let all = self.deletions.contains(&OfSource::any(desired.revision.clone()));
        let gone = sources_with_gone(desired, observed).into_iter();
        gone.filter(|source| all || self.allow(desired, source)).cloned().collect()
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
        if !policy.prunes() {
            return;
        }
        for (id, waiting) in &mut report.waiting {
            let held = waiting.iter_mut();
            let held = held.filter(|one| matches!(one.reason, WaitReason::Unpruned { .. }));
            for one in held {
                if let Some(command) = self.command(id, desired, observed, policy) {
                    one.hint = Some(format!("if that is meant: `{command}`"));
                }
            }
        }
    }

    /// What lets the object go. Where the host's policy lets nothing of its source go, nothing
    /// does.
    fn command(
        &self,
        id: &ObjectId,
        desired: &Desired,
        observed: &Observed,
        policy: &Policy,
    ) -> Option<String> {
        let source = &observed.owners.get(id)?.origin.source;
        if policy.prune_budgets.get(source) == Some(&0) || policy.prunes_all_of(source) {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use limekiln_api::DeletionPolicy;
    use limekiln_model::{Origin, Owner};

    use super::*;

    /// Nothing that could be acknowledged holds it back.
    #[test]
    fn what_waits_for_another_look_asks_for_no_acknowledgement() {
        let id: ObjectId = "instance/web".parse().expect("an id");
        let origin = Origin { source: "m".to_owned(), ..Origin::default() };
        let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
        let mut observed = Observed::default();
        observed.owners.insert(id.clone(), owner);
        let mut desired = Desired::default();
        desired.revisions.insert("m".to_owned(), "r1".to_owned());
        let hint = |prune_later| {
            let policy = Policy { prune: true, prune_later, ..Policy::default() };
            let mut report = Report::default();
            let reason = WaitReason::Unpruned { why: "why".to_owned() };
            report.add(id.clone(), reason, Some("before".to_owned()));
            Requests::default().tell(&mut report, &desired, &observed, &policy);
            report.waiting[&id][0].hint.clone().expect("a hint")
        };
        assert_eq!(hint(true), "before");
        assert!(hint(false).contains("limekiln ack --prune r1"));
    }
}
