//! Which deletions beyond the budget were allowed.

use std::collections::BTreeSet;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Desired, ObjectId, Observed, Policy, Report, WaitReason};

use super::{OfSource, Requests};

impl Requests {
    /// The sources of which all that is gone may be deleted: those whose revision in force was
    /// acknowledged.
    pub(super) fn let_go_of(&self, desired: &Desired, observed: &Observed) -> BTreeSet<String> {
        let gone = sources_with_gone(desired, observed).into_iter();
        let allowed = |source: &&String| {
            let revision = desired.revisions.get(*source);
            revision.is_some() && self.letting_go.get(*source) == revision
        };
        gone.filter(allowed).cloned().collect()
    }

    /// Takes up what was acknowledged of the revisions that are in force now, and ends what was of
    /// those that were: they may come back, as an empty directory does. What was given ahead of
    /// them waits. Of a source that is not read nothing is known.
    pub(crate) fn take_up(&mut self, desired: &Desired) {
        let all = self.deletions.contains(&OfSource::any(desired.revision.clone()));
        for (source, revision) in &desired.revisions {
            if all || self.deletions.iter().any(|one| one.is(source, revision)) {
                self.letting_go.insert(source.clone(), revision.clone());
            } else if self.letting_go.get(source).is_some_and(|before| before != revision)
                && !is_on(Mutant::KeepsAcknowledgements)
            {
                self.letting_go.remove(source);
            }
        }
        self.deletions.retain(|one| !is_met(one, desired));
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
        let never = policy.prune_budgets.get(source) == Some(&0);
        if never || policy.prune_waits.contains_key(id) || policy.prunes_all_of(source) {
            return None;
        }
        let revision = desired.revisions.get(source)?;
        Some(format!("limekiln ack --prune {revision} --source {}", quoted(source)))
    }
}

/// Whether what an acknowledgement speaks of is in force.
fn is_met(one: &OfSource, desired: &Desired) -> bool {
    *one == OfSource::any(desired.revision.clone())
        || desired.revisions.iter().any(|(source, revision)| one.is(source, revision))
}

/// The sources that something is gone from.
fn sources_with_gone<'a>(desired: &Desired, observed: &'a Observed) -> BTreeSet<&'a String> {
    gone(desired, observed).map(|(_, source)| source).collect()
}

/// What came from a source that was read whole and is in no manifest any more, with that source.
pub(crate) fn gone<'a>(
    desired: &Desired,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a ObjectId, &'a String)> {
    let owners = observed.owners.iter().map(|(id, owner)| (id, &owner.origin.source));
    owners.filter(|(id, source)| {
        desired.sources.contains(source) && !desired.mentions(id) && observed.exists(id)
    })
}

/// A source as one word of a shell.
pub(crate) fn quoted(source: &str) -> String {
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

    fn desired(revisions: &[(&str, &str)]) -> Desired {
        let owned = |(source, revision): &(&str, &str)| ((*source).into(), (*revision).into());
        let revision = "all".to_owned() + revisions[0].1;
        Desired { revision, revisions: revisions.iter().map(owned).collect(), ..Desired::default() }
    }

    fn given(deletions: &[OfSource]) -> Requests {
        let deletions = deletions.iter().cloned().collect();
        Requests { deletions, ..Requests::default() }
    }

    #[test]
    fn what_was_acknowledged_ends_with_its_revision_and_what_is_ahead_of_it_waits() {
        let ahead = OfSource::new("m", "full again");
        let mut requests = given(&[OfSource::new("m", "empty"), ahead.clone()]);
        requests.take_up(&desired(&[("m", "empty")]));
        assert_eq!(requests.letting_go["m"], "empty");
        assert_eq!(requests.deletions, [ahead].into());
        // Nothing is known of it.
        requests.take_up(&desired(&[("n", "full")]));
        assert_eq!(requests.letting_go["m"], "empty");
        requests.take_up(&desired(&[("m", "full")]));
        requests.take_up(&desired(&[("m", "empty")]));
        assert!(requests.letting_go.is_empty(), "it has ended");
        requests.take_up(&desired(&[("m", "full again")]));
        assert_eq!(requests.letting_go["m"], "full again");
    }

    #[test]
    fn what_was_acknowledged_of_all_together_ends_for_each_with_its_revision() {
        for any in ["allempty", "empty"] {
            let mut requests = given(&[OfSource::any(any)]);
            requests.take_up(&desired(&[("m", "empty"), ("n", "empty")]));
            assert_eq!((requests.letting_go.len(), requests.deletions.len()), (2, 0));
            requests.take_up(&desired(&[("m", "full"), ("n", "empty")]));
            requests.take_up(&desired(&[("m", "empty"), ("n", "empty")]));
            assert_eq!(requests.letting_go, [("n".to_owned(), "empty".to_owned())].into());
        }
    }
}
