//! `limekiln ack`

use std::collections::BTreeSet;

use clap::Args;
use limekiln_model::{ObjectId, Policy, WaitReason};
use limekiln_reconciler::{OfSource, Planned, Requests};

use crate::compose::{App, told};
use crate::control::Control;
use crate::exit::{Exit, Failure};
use crate::output::ask;
use crate::output::plan;
use crate::sources::SourceArgs;

/// Allow a controller to delete more than it would by itself, for these manifests as they are now,
/// or to follow a branch that was rewound. Neither allows the other, and any further change needs
/// another, also one back to what was acknowledged before.
#[derive(Args)]
#[command(
    after_help = "The controller says of each object that it holds back which of these lets it go.\n\nExamples:\n  limekiln ack -f ~/vms        # shows what would go, and asks\n  limekiln ack --prune 5f0c… --source git:team"
)]
pub struct AckArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// A commit that a repository was rewound to, all 40 digits: it is followed there
    #[arg(value_name = "COMMIT", conflicts_with_all = ["filename", "recursive", "locked", "lock_file"])]
    commit: Option<String>,
    /// A revision of a source, all of it: what is gone from it may be deleted, however much it is
    #[arg(
        long,
        value_name = "REVISION",
        conflicts_with_all = ["filename", "recursive", "locked", "lock_file", "commit"]
    )]
    prune: Option<String>,
    /// The source whose revision that is: git:NAME, or the path of a directory
    #[arg(long = "source", value_name = "SOURCE", requires = "prune")]
    of: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

const DONE: &str = "Acknowledged; a controller with --prune does it at its next look.";

/// Shows what is held back, asks, and writes it down.
///
/// # Errors
/// If manifests cannot be read, or consent is missing.
pub fn run(args: &AckArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    if let Some(commit) = &args.commit {
        return rewound(&app, commit);
    }
    if let Some(revision) = &args.prune {
        return pruned(&app, revision, args.of.as_deref());
    }
    let policy = |prune_all| Policy { prune: true, prune_all, ..Policy::default() };
    let (planned, bad) = args.source.plan(&app, policy(false))?;
    if bad {
        let failure = Failure::bad_input("manifests that are wrong are not acknowledged");
        return Err(failure.hint("mend them first").into());
    }
    let held = held_back(&planned);
    let revisions = revisions_of(&planned, &held);
    if revisions.is_empty() {
        outln!("Nothing is held back: there is nothing to acknowledge.");
        return Ok(Exit::Done);
    }
    let held: Vec<_> = held.iter().map(ToString::to_string).collect();
    let whole = app.block_on(app.reconciler.plan(planned.desired, policy(true))).map_err(told)?;
    out!("{}", plan::show(&whole.plan, &whole.report));
    ask::consent(args.yes, &format!("Let {} go?", held.join(", ")))?;
    let control = Control::open(&app);
    for revision in &revisions {
        control.let_go(revision)?;
    }
    outln!("{DONE}");
    Ok(Exit::Done)
}

/// Lets what is gone from a revision be deleted.
fn pruned(app: &App, revision: &str, source: Option<&str>) -> anyhow::Result<Exit> {
    // Digests have 64 digits, commits 40, and what several sources have together 16.
    let whole = [16, 40, 64].contains(&revision.len());
    if !whole || !revision.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let failure = Failure::bad_input(format!("{revision:?} is no revision"));
        return Err(failure.hint("write all of it, as the controller shows it").into());
    }
    let source = source.map(str::to_owned);
    let revision = revision.to_ascii_lowercase();
    Control::open(app).let_go(&OfSource { source, revision })?;
    outln!("{DONE}");
    Ok(Exit::Done)
}

/// Lets a repository lead to a commit that does not descend from the one before.
fn rewound(app: &App, commit: &str) -> anyhow::Result<Exit> {
    if !Requests::is_commit(commit) {
        let failure = Failure::bad_input(format!("{commit:?} is no commit"));
        return Err(failure.hint("give all of its 40 hex digits").into());
    }
    Control::open(app).follow_rewind(commit)?;
    outln!("Acknowledged; a controller follows it at its next look.");
    Ok(Exit::Done)
}

fn held_back(planned: &Planned) -> Vec<ObjectId> {
    let waiting = planned.report.waiting.iter();
    let held = waiting.filter(|(_, reasons)| {
        reasons.iter().any(|waiting| matches!(waiting.reason, WaitReason::Unpruned { .. }))
    });
    held.map(|(id, _)| id.clone()).collect()
}

/// The sources that these came from, as they are now: of others nothing is acknowledged.
fn revisions_of(planned: &Planned, held: &[ObjectId]) -> BTreeSet<OfSource> {
    let owners = held.iter().filter_map(|id| planned.observed.owners.get(id));
    let revision =
        |source: &String| Some(OfSource::new(source, planned.desired.revisions.get(source)?));
    owners.filter_map(|owner| revision(&owner.origin.source)).collect()
}

#[cfg(test)]
mod tests {
    use limekiln_api::DeletionPolicy;
    use limekiln_model::{Origin, Owner};

    use super::*;

    #[test]
    fn only_a_source_of_which_something_is_held_back_is_acknowledged() {
        let id: ObjectId = "instance/web".parse().expect("an id");
        let origin = Origin { source: "m".to_owned(), ..Origin::default() };
        let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
        let mut planned = Planned::default();
        planned.observed.owners.insert(id.clone(), owner);
        planned.report.add(id, WaitReason::Unpruned { why: "why".to_owned() }, None);
        for (source, revision) in [("m", "1"), ("n", "2")] {
            planned.desired.revisions.insert(source.to_owned(), revision.to_owned());
        }
        let held = held_back(&planned);
        assert_eq!(revisions_of(&planned, &held), [OfSource::new("m", "1")].into());
    }
}
