//! `limekiln ack`

use clap::Args;
use limekiln_model::{Policy, WaitReason};
use limekiln_reconciler::{OfSource, Planned, Requests};

use crate::compose::{App, told};
use crate::control::Control;
use crate::exit::{Exit, Failure};
use crate::output::ask;
use crate::output::plan;
use crate::sources::SourceArgs;

/// Allow a controller to delete more than it would by itself, for these manifests as they are now,
/// or to follow a branch that was rewound. Neither allows the other, and any further change needs
/// another.
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
    if held.is_empty() {
        outln!("Nothing is held back: there is nothing to acknowledge.");
        return Ok(Exit::Done);
    }
    let revisions = planned.desired.revisions.clone();
    let whole = app.block_on(app.reconciler.plan(planned.desired, policy(true))).map_err(told)?;
    out!("{}", plan::show(&whole.plan, &whole.report));
    ask::consent(args.yes, &format!("Let {} go?", held.join(", ")))?;
    let control = Control::open(&app);
    for (source, revision) in revisions {
        control.let_go(&OfSource::new(source, revision))?;
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

fn held_back(planned: &Planned) -> Vec<String> {
    let waiting = planned.report.waiting.iter();
    let held = waiting.filter(|(_, reasons)| {
        reasons.iter().any(|waiting| matches!(waiting.reason, WaitReason::Unpruned { .. }))
    });
    held.map(|(id, _)| id.to_string()).collect()
}
