//! `limekiln events`

use clap::Args;
use jiff::Timestamp;
use limekiln_reconciler::{Record, RecordOutcome};

use crate::compose::App;
use crate::exit::Exit;
use crate::output::format::Format;
use crate::output::table::Table;
use crate::output::time::age;
use crate::refs::selection;

/// Show what was done, the newest last.
#[derive(Args)]
pub struct EventsArgs {
    /// Only these objects
    what: Vec<String>,
    /// How many
    #[arg(short = 'n', long, default_value_t = 50)]
    lines: usize,
    /// How to print; json is one object per line
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints the journal's end.
///
/// # Errors
/// If the journal cannot be read.
pub fn run(args: &EventsArgs) -> anyhow::Result<Exit> {
    let selection = selection(&args.what)?;
    let app = App::open()?;
    let records: Vec<_> = app
        .reconciler
        .journal()
        .read()?
        .into_iter()
        .filter(|record| selection.includes(&record.object))
        .collect();
    let records = &records[records.len().saturating_sub(args.lines)..];
    match args.output {
        Format::Json => records
            .iter()
            .try_for_each(|record| serde_json::to_string(record).map(|line| outln!("{line}")))?,
        Format::Yaml => out!("{}", limekiln_api::to_yaml(&records)),
        Format::Name => records.iter().for_each(|record| outln!("{}", record.object)),
        _ if records.is_empty() => errln!("nothing was done yet"),
        _ => out!("{}", table(records).render()),
    }
    Ok(Exit::Done)
}

/// Records as a table.
pub fn table(records: &[Record]) -> Table {
    let now = Timestamp::now();
    let mut table = Table::new(&["AGE", "OBJECT", "STEP", "OUTCOME", "MESSAGE"]);
    for record in records {
        table.row(vec![
            age(record.at, now),
            record.object.to_string(),
            record.verb.clone(),
            outcome(record.outcome).to_owned(),
            record.message.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn outcome(outcome: RecordOutcome) -> &'static str {
    match outcome {
        RecordOutcome::Done => "done",
        RecordOutcome::Retrying => "retrying",
        RecordOutcome::Failed => "Failed",
        RecordOutcome::Skipped => "skipped",
        RecordOutcome::Cancelled => "cancelled",
    }
}
