//! `limekiln apply`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use limekiln_api::Disruption;
use limekiln_model::{ObjectId, Plan, Policy, SnapshotFirst, WaitReason};
use limekiln_reconciler::{Planned, SavedPlan};

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::ask;
use crate::output::format::{Format, print_data};
use crate::output::plan;
use crate::output::time::parse_duration;
use crate::run::{self, Options};
use crate::sources::SourceArgs;

/// Make what exists match the manifests.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  limekiln apply -f manifests/quickstart\n  kustomize build . | limekiln apply -f -\n  limekiln plan -f manifests -o today.plan && limekiln apply today.plan"
)]
pub struct ApplyArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// A plan that `limekiln plan -o` wrote; it runs as it was shown, or not at all
    #[arg(
        value_name = "PLAN",
        conflicts_with_all = ["filename", "recursive", "locked", "lock_file", "prune", "prune_all", "max_disruption", "adopt", "snapshot_first", "keep_snapshot"]
    )]
    plan: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Show the plan and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do what destroys without asking
    #[arg(short, long)]
    yes: bool,
    /// Wait until instances are ready
    #[arg(long, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set, value_name = "BOOL")]
    wait: bool,
    /// Stop waiting after this long: 90s, 5m
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    timeout: Option<Duration>,
    /// How to print the plan
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What may be planned.
#[derive(Args, Clone)]
pub struct PolicyArgs {
    /// Delete objects that came from these manifests and are in them no more
    #[arg(long)]
    prune: bool,
    /// With --prune: also when that is all of them, or more than a fifth
    #[arg(long, requires = "prune")]
    prune_all: bool,
    /// What may be done to running instances, whatever their manifests say
    #[arg(long, value_enum, value_name = "HOW")]
    max_disruption: Option<MaxDisruption>,
    /// Take over objects of these names that limekiln did not make
    #[arg(long)]
    adopt: bool,
    /// Before an instance is changed, keep its disks and configuration; if the change fails, or the guest is not ready after it, go back
    #[arg(long)]
    snapshot_first: bool,
    /// With --snapshot-first: keep the snapshot also when all went well
    #[arg(long, requires = "snapshot_first")]
    keep_snapshot: bool,
}

/// What may be done to running instances.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum MaxDisruption {
    /// Only what the guest does not notice
    Live,
    /// Also a restart
    Restart,
    /// Also making it anew, which loses its own disk
    Recreate,
}

impl PolicyArgs {
    /// The same words again, for the command that one would want next.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for (given, word) in [
            (self.prune, " --prune"),
            (self.prune_all, " --prune-all"),
            (self.adopt, " --adopt"),
            (self.snapshot_first, " --snapshot-first"),
            (self.keep_snapshot, " --keep-snapshot"),
        ] {
            words += if given { word } else { "" };
        }
        if let Some(value) = self.max_disruption.and_then(|how| how.to_possible_value()) {
            words += &format!(" --max-disruption {}", value.get_name());
        }
        words
    }

    /// The policy.
    pub fn policy(&self) -> Policy {
        Policy {
            prune: self.prune,
            prune_all: self.prune_all,
            max_disruption: self.max_disruption.map(|how| match how {
                MaxDisruption::Live => Disruption::Live,
                MaxDisruption::Restart => Disruption::Restart,
                MaxDisruption::Recreate => Disruption::Recreate,
            }),
            adopt: self.adopt,
            snapshot_first: self.snapshot_first.then(|| SnapshotFirst {
                tag: jiff::Timestamp::now().strftime("before-%Y%m%dT%H%M%SZ").to_string(),
                keep: self.keep_snapshot,
            }),
            ..Policy::default()
        }
    }
}

const DRY: &str = "Nothing was done: --dry-run.";

/// Shows the plan, asks where it destroys, runs it.
///
/// # Errors
/// If manifests cannot be read, consent is missing, or the plan no longer fits.
pub fn run(args: &ApplyArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let (planned, bad) = match &args.plan {
        Some(file) => (resume(&app, file)?, false),
        None => {
            let (planned, bad) = args.source.plan(&app, args.policy.policy())?;
            (acknowledge(&app, planned, args)?, bad)
        }
    };
    let shown = show(&planned, args.output)?;
    let or_bad = |exit| if bad { Exit::BadInput } else { exit };
    if args.dry_run {
        if shown {
            outln!("{}", if planned.plan.is_empty() { "Nothing to do." } else { DRY });
        }
        return Ok(or_bad(Exit::Done));
    }
    let options =
        Options { yes: args.yes, timeout: args.timeout, no_wait: !args.wait, quiet: !shown };
    run::run(&app, planned, options)
        .map(|exit| if exit == Exit::Done { or_bad(exit) } else { exit })
}

fn resume(app: &App, file: &Path) -> anyhow::Result<Planned> {
    if is_manifest(file) {
        let failure = Failure::bad_input(format!("{} is no plan", file.display()));
        return Err(failure
            .hint(format!("manifests are named with -f: limekiln apply -f {}", file.display()))
            .into());
    }
    let saved = SavedPlan::read(file).map_err(|error| told(error.into()))?;
    app.block_on(app.reconciler.resume(saved)).map_err(told)
}

/// `apply web.yaml` and `apply manifests/` are slips of the hand.
fn is_manifest(file: &Path) -> bool {
    file.is_dir() || file.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// More is to be pruned than goes without saying: a person may say so here, `--prune-all`
/// elsewhere.
fn acknowledge(app: &App, planned: Planned, args: &ApplyArgs) -> anyhow::Result<Planned> {
    let held: Vec<_> = planned
        .report
        .waiting
        .iter()
        .filter(|(_, reasons)| {
            reasons.iter().any(|waiting| matches!(waiting.reason, WaitReason::Unpruned { .. }))
        })
        .map(|(id, _)| id.to_string())
        .collect();
    if held.is_empty() || !args.policy.prune || args.dry_run {
        return Ok(planned);
    }
    let why = planned.report.waiting.values().flatten().find_map(|waiting| match &waiting.reason {
        WaitReason::Unpruned { why } => Some(why.clone()),
        _ => None,
    });
    let question =
        format!("{}: {}. Plan their deletion?", why.unwrap_or_default(), held.join(", "));
    // `--yes` agrees to a plan that was shown, not to emptying a source by a mistake.
    ask::consent(false, &question).map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) if failure.exit() == Exit::NeedsConsent => {
            failure.hint("if that is meant: --prune --prune-all --yes").into()
        }
        Ok(failure) => failure.into(),
        Err(error) => error,
    })?;
    let policy = Policy { prune_all: true, ..args.policy.policy() };
    app.block_on(app.reconciler.plan(planned.desired, policy)).map_err(told)
}

/// The objects that the plan does something to.
fn touched(plan: &Plan) -> BTreeSet<ObjectId> {
    plan.steps.iter().map(|step| step.action.object()).collect()
}

/// Prints the plan; false if what is printed is for programs.
fn show(planned: &Planned, output: Format) -> anyhow::Result<bool> {
    if output == Format::Name {
        touched(&planned.plan).iter().for_each(|id| outln!("{id}"));
        return Ok(false);
    }
    if print_data(output, &serde_json::json!({"plan": planned.plan, "report": planned.report}))? {
        return Ok(false);
    }
    out!("{}", plan::show(&planned.plan, &planned.report));
    Ok(true)
}
