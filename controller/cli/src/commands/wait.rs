//! `limekiln wait`

use std::time::{Duration, Instant};

use clap::Args;
use limekiln_api::ConditionStatus;
use limekiln_model::ObjectId;

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::time::parse_duration;
use crate::refs::objects;

/// Between looks.
const LOOK: Duration = Duration::from_millis(250);

/// Wait until objects have a condition.
#[derive(Args)]
#[command(after_help = "Example: limekiln wait web db --for condition=Ready --timeout 5m")]
pub struct WaitArgs {
    /// NAME of an instance, KIND/NAME, or KIND and names
    #[arg(required = true)]
    what: Vec<String>,
    /// condition=NAME, phase=NAME, or delete
    #[arg(long = "for", default_value = "condition=Ready", value_name = "WHAT")]
    condition: String,
    /// Give up after this long: 90s, 5m
    #[arg(long, value_parser = parse_duration, default_value = "10m", value_name = "TIME")]
    timeout: Duration,
}

/// Looks again and again.
///
/// # Errors
/// If the condition is malformed or the home cannot be read.
pub fn run(args: &WaitArgs) -> anyhow::Result<Exit> {
    let goal = Goal::parse(&args.condition)?;
    let ids = objects(&args.what)?;
    let app = App::open()?;
    let start = Instant::now();
    loop {
        let waiting = unmet(&app, &ids, &goal)?;
        if waiting.is_empty() {
            ids.iter().for_each(|id| outln!("{id} {}", args.condition));
            return Ok(Exit::Done);
        }
        if start.elapsed() >= args.timeout {
            let names: Vec<_> = waiting.iter().map(ToString::to_string).collect();
            return Err(Failure::new(
                Exit::TimedOut,
                format!("still waiting for {}", names.join(", ")),
            )
            .into());
        }
        std::thread::sleep(LOOK);
    }
}

enum Goal {
    Condition(String),
    Phase(String),
    Deleted,
}

impl Goal {
    fn parse(text: &str) -> anyhow::Result<Self> {
        match text.split_once('=') {
            Some(("condition", name)) => Ok(Self::Condition(name.to_owned())),
            Some(("phase", name)) => Ok(Self::Phase(name.to_owned())),
            None if text == "delete" => Ok(Self::Deleted),
            _ => Err(Failure::bad_input(format!("--for {text:?} is not understood"))
                .hint("condition=Ready, phase=Stopped or delete")
                .into()),
        }
    }
}

fn unmet<'a>(app: &App, ids: &'a [ObjectId], goal: &Goal) -> anyhow::Result<Vec<&'a ObjectId>> {
    let observed = app.observe()?;
    let mut waiting = Vec::new();
    for id in ids {
        let exists = super::get::exists(&observed, id);
        let met = match goal {
            Goal::Deleted => !exists,
            Goal::Phase(_) | Goal::Condition(_) if !exists => false,
            Goal::Phase(name) => {
                app.reconciler.status(id, &observed, None).map_err(told)?.phase.as_ref()
                    == Some(name)
            }
            Goal::Condition(name) => {
                let status = app.reconciler.status(id, &observed, None).map_err(told)?;
                status.conditions.iter().any(|condition| {
                    condition.type_ == *name && condition.status == ConditionStatus::True
                })
            }
        };
        if !met {
            waiting.push(id);
        }
    }
    Ok(waiting)
}
