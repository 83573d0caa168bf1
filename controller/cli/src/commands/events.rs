//! `limekiln events`

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use limekiln_reconciler::{Occurrence, RecordOutcome};

use crate::compose::App;
use crate::control::{Control, Followed};
use crate::exit::{Exit, Failure};
use crate::output::format::Format;
use crate::output::style::{DIM, Styled, of_word};
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
    /// Go on with what happens, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
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
    let control = Control::open(&app);
    if args.watch {
        let line = liner(args.output)?;
        control.follow(&selection, args.lines, |followed| match followed {
            Followed::Event(one) => outln!("{}", line(&one)),
            Followed::Missed => errln!("some events were missed; `limekiln events` has all"),
        })?;
        return Ok(Exit::Done);
    }
    let all = control.events(&selection, "", args.lines)?;
    match args.output {
        Format::Json => all
            .iter()
            .try_for_each(|one| serde_json::to_string(one).map(|line| outln!("{line}")))?,
        Format::Yaml => out!("{}", limekiln_api::to_yaml(&all)),
        Format::Name => all.iter().for_each(|one| outln!("{}", one.record.object)),
        _ if all.is_empty() => errln!("nothing was done yet"),
        _ => out!("{}", table(&all).render()),
    }
    Ok(Exit::Done)
}

/// How one event is written while they come.
fn liner(format: Format) -> anyhow::Result<fn(&Occurrence) -> String> {
    match format {
        Format::Json => Ok(|one| serde_json::to_string(one).unwrap_or_default()),
        Format::Name => Ok(|one| one.record.object.to_string()),
        Format::Table | Format::Wide => Ok(line),
        Format::Yaml => Err(Failure::bad_input("events are not written as YAML while they come")
            .hint("-o json writes one object per line")
            .into()),
    }
}

fn line(one: &Occurrence) -> String {
    let record = &one.record;
    let time = record.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
    let outcome = outcome(record.outcome);
    let message = record.message.iter().map(|message| format!(": {message}"));
    let again = if one.count > 1 { format!(" (x{})", one.count) } else { String::new() };
    format!(
        "{}  {:20}  {}: {}{}{}",
        Styled(DIM, &time),
        record.object.to_string(),
        record.verb,
        Styled(of_word(outcome), outcome),
        message.collect::<String>(),
        Styled(DIM, &again)
    )
}

/// Events as a table.
pub fn table(all: &[Occurrence]) -> Table {
    let now = Timestamp::now();
    let mut table = Table::new(&["AGE", "OBJECT", "STEP", "OUTCOME", "MESSAGE"]);
    for Occurrence { record, first_at, count } in all {
        let last = age(record.at, now);
        let since = match count {
            0 | 1 => last,
            _ => format!("{last} (x{count} over {})", age(*first_at, record.at)),
        };
        table.row(vec![
            since,
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
