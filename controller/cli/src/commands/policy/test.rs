//! `limekiln policy test`

use clap::Args;
use limekiln_api::Severity;
use limekiln_reconciler::policy::{Policies, Verdict};
use limekiln_reconciler::{Judged, Loaded};

use super::WhichArgs;
use crate::compose::App;
use crate::exit::Exit;
use crate::output::format::{Format, print_data};
use crate::output::style::{BOLD, Styled};
use crate::output::table::Table;
use crate::output::words::count;
use crate::sources::SourceArgs;

/// Values that are longer are shown in part.
const LONGEST: usize = 48;

/// Tell of each field of manifests whether it is allowed, by which rule, and why not. Nothing is
/// changed.
#[derive(Args)]
#[command(
    after_help = "Exit codes:  0 all is allowed, 1 something is denied, 3 a manifest is wrong"
)]
pub struct TestArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    which: WhichArgs,
    /// How to print: table, json or yaml
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints the verdicts, denials first.
///
/// # Errors
/// If the policy or an input cannot be read.
pub fn run(args: &TestArgs) -> anyhow::Result<Exit> {
    let policies = Policies::all(args.which.policy()?);
    let app = App::open()?;
    let mut loaded = args.source.judge(&app, &policies)?;
    for judged in &mut loaded.verdicts {
        judged.verdicts.sort_by_key(|verdict| verdict.allowed);
    }
    loaded.verdicts.sort_by_key(|judged| (judged.is_allowed(), judged.object.clone()));
    match args.output {
        Format::Name => {
            let denied = loaded.verdicts.iter().filter(|judged| !judged.is_allowed());
            denied.for_each(|judged| outln!("{}", judged.object));
        }
        format => {
            if !print_data(format, &loaded.verdicts)? {
                print(&loaded.verdicts);
            }
        }
    }
    Ok(exit(&loaded))
}

fn exit(loaded: &Loaded) -> Exit {
    let wrong = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
    let denied = loaded.verdicts.iter().any(|judged| !judged.is_allowed());
    match (denied, wrong) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::BadInput,
        (false, false) => Exit::Done,
    }
}

fn print(all: &[Judged]) {
    for judged in all {
        let head = Styled(BOLD, &judged.object.to_string()).to_string();
        outln!("{head} under the {}", policy_name(judged));
        let mut table =
            Table::new(&["", "VERDICT", "FIELD", "VALUE", "RULE", "WHY NOT, AND WHAT TO WRITE"]);
        for verdict in &judged.verdicts {
            table.row(row(verdict));
        }
        outln!("{}", table.render());
    }
    let denied = all.iter().filter(|judged| !judged.is_allowed()).count();
    outln!("{}, {denied} denied.", count(all.len(), "object"));
}

fn policy_name(judged: &Judged) -> String {
    match judged.policy.as_str() {
        built_in @ ("open policy" | "closed policy") => built_in.to_owned(),
        file => format!("policy {file}"),
    }
}

fn row(verdict: &Verdict) -> Vec<String> {
    let word = if verdict.allowed { "allowed" } else { "denied" };
    let advice = [verdict.why.as_deref(), verdict.hint.as_deref()];
    let advice: Vec<_> = advice.into_iter().flatten().collect();
    vec![
        String::new(),
        word.to_owned(),
        plain(verdict.path.trim_start_matches("spec.template.")),
        shortened(&verdict.value),
        rule(verdict),
        advice.join("; "),
    ]
}

/// The rule, with its line where it is written in a file.
fn rule(verdict: &Verdict) -> String {
    match verdict.rule_place.rsplit_once(':') {
        Some((_, line)) if line.parse::<usize>().is_ok() => {
            format!("{} (line {line})", verdict.rule)
        }
        _ => verdict.rule.clone(),
    }
}

/// The text without what a terminal would take for commands.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The value, and not all of a long one.
fn shortened(value: &str) -> String {
    let plain = plain(value);
    match plain.chars().count() {
        0 => "\"\"".to_owned(),
        1..=LONGEST => plain,
        _ => plain.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}
