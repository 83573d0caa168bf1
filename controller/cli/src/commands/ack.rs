//! `limekiln ack`

use clap::Args;
use limekiln_model::{Policy, WaitReason};
use limekiln_reconciler::Planned;

use crate::compose::{App, told};
use crate::control::Control;
use crate::exit::{Exit, Failure};
use crate::output::ask;
use crate::output::plan;
use crate::sources::SourceArgs;

/// Allow a controller to delete more than it would by itself, for these manifests as they are now.
/// Any further change of them needs another.
#[derive(Args)]
#[command(after_help = "Example:\n  limekiln ack -f ~/vms        # shows what would go, and asks")]
pub struct AckArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// A commit that a repository was rewound to, all 40 digits: it is followed there
    #[arg(value_name = "COMMIT", conflicts_with_all = ["filename", "recursive", "locked", "lock_file"])]
    commit: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Shows what is held back, asks, and writes it down.
///
/// # Errors
/// If manifests cannot be read, or consent is missing.
pub fn run(args: &AckArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    if let Some(commit) = &args.commit {
        return rewound(&app, commit);
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
    let revision = planned.desired.revision.clone();
    let whole = app.block_on(app.reconciler.plan(planned.desired, policy(true))).map_err(told)?;
    out!("{}", plan::show(&whole.plan, &whole.report));
    ask::consent(args.yes, &format!("Let {} go?", held.join(", ")))?;
    Control::open(&app).acknowledge(&revision)?;
    outln!("Acknowledged; a controller with --prune does it at its next look.");
    Ok(Exit::Done)
}

/// Lets a repository lead to a commit that does not descend from the one before.
fn rewound(app: &App, commit: &str) -> anyhow::Result<Exit> {
    if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let failure = Failure::bad_input(format!("{commit:?} is no commit"));
        return Err(failure.hint("give all of its 40 hex digits").into());
    }
    Control::open(app).acknowledge(commit)?;
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
