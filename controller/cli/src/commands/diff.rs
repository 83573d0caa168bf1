//! `limekiln diff`

use clap::{Args, ValueEnum};
use limekiln_model::{ObjectId, WaitReason};
use limekiln_reconciler::Planned;
use serde_json::Value;

use super::apply::PolicyArgs;
use crate::compose::App;
use crate::exit::Exit;
use crate::output::plan;
use crate::sources::SourceArgs;

/// Show what `apply` would change.
#[derive(Args)]
pub struct DiffArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    policy: PolicyArgs,
    /// End with 2 if there are differences
    #[arg(long)]
    exit_code: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: DiffFormat,
}

/// What `diff -o` accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For people.
    #[default]
    Text,
    /// One RFC 6902 patch per instance, from what is stored to what is wanted.
    Json,
}

/// Prints the plan and what waits; changes nothing.
///
/// # Errors
/// If manifests or the home cannot be read.
pub fn run(args: &DiffArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let (planned, bad) = args.source.plan(&app, args.policy.policy())?;
    match args.output {
        DiffFormat::Json => outln!("{}", serde_json::to_string_pretty(&patches(&planned))?),
        DiffFormat::Text => print(&planned, &args.source, &args.policy),
    }
    let differs = !planned.plan.is_empty()
        || planned.report.waiting.values().flatten().any(|waiting| is_difference(&waiting.reason));
    Ok(match (bad, args.exit_code && differs) {
        (true, _) => Exit::BadInput,
        (false, true) => Exit::Differences,
        (false, false) => Exit::Done,
    })
}

fn print(planned: &Planned, source: &SourceArgs, policy: &PolicyArgs) {
    out!("{}", plan::show(&planned.plan, &planned.report));
    match (planned.plan.is_empty(), planned.report.is_empty()) {
        (true, true) => outln!("No differences."),
        (true, false) => {}
        (false, _) => outln!("next: limekiln apply{}{}", source.words(), policy.words()),
    }
}

/// Whether the object is not as its manifest says, or is in no manifest.
fn is_difference(reason: &WaitReason) -> bool {
    !matches!(reason, WaitReason::Suspended | WaitReason::Frozen { .. })
}

/// What is stored, what is wanted, and the way from one to the other.
fn patches(planned: &Planned) -> Value {
    let patches = planned.desired.instances.iter().filter_map(|(name, wanted)| {
        let stored =
            planned.observed.instances.get(name).and_then(|instance| instance.config.as_ref());
        let from = serde_json::to_value(stored).ok()?;
        let to = serde_json::to_value(&wanted.spec.filled).ok()?;
        let patch = json_patch::diff(&from, &to);
        (!patch.0.is_empty())
            .then(|| serde_json::json!({"object": ObjectId::instance(name), "patch": patch}))
    });
    patches.collect()
}
