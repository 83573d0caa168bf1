//! `limekiln wait`

use std::time::{Duration, Instant};

use clap::Args;
use limekiln_model::{Kind, ObjectId, Observed};

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::time::parse_duration;
use crate::refs::{Selection, selection};

/// Between looks.
const LOOK: Duration = Duration::from_millis(250);

/// Wait until objects have a condition.
#[derive(Args)]
#[command(after_help = "Example: limekiln wait web db --for condition=Ready --timeout 5m")]
pub struct WaitArgs {
    /// NAME of an instance, KIND/NAME, KIND and names, or a KIND for all of it
    #[arg(required = true)]
    what: Vec<String>,
    /// condition=NAME, condition=NAME=STATUS, phase=NAME, or delete
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
    let selection = selection(&args.what)?;
    let app = App::open()?;
    let start = Instant::now();
    loop {
        let observed = app.observe()?;
        let ids = ids(&selection, &observed);
        let mut unmet = Vec::new();
        for id in &ids {
            if !goal.is_met(&app, &observed, id)? {
                unmet.push(id);
            }
        }
        if unmet.is_empty() {
            ids.iter().for_each(|id| outln!("{id} {}", args.condition));
            return Ok(Exit::Done);
        }
        if start.elapsed() >= args.timeout {
            let states: Vec<_> = unmet.iter().map(|id| state(&observed, id)).collect();
            let message = format!("still waiting for {}", states.join(", "));
            return Err(Failure::new(Exit::TimedOut, message).into());
        }
        std::thread::sleep(LOOK);
    }
}

/// The named objects, whether they exist or not; or all that exist of a kind.
fn ids(selection: &Selection, observed: &Observed) -> Vec<ObjectId> {
    match selection.objects.as_slice() {
        [] => super::get::objects(observed).filter(|id| selection.includes(id)).collect(),
        objects => objects.to_vec(),
    }
}

/// The object, and how it is now.
fn state(observed: &Observed, id: &ObjectId) -> String {
    if !super::get::exists(observed, id) {
        return format!("{id}, which does not exist");
    }
    let instance = observed.instances.get(&id.name).filter(|_| id.kind == Kind::Instance);
    let Some(instance) = instance else { return id.to_string() };
    let waits = instance.waiting_for.iter().map(|what| format!(" and waits for {what}"));
    format!("{id}, which is {}{}", instance.phase.word(), waits.collect::<String>())
}

enum Goal {
    /// Its name, and the status that it is to have.
    Condition(String, String),
    Phase(String),
    Deleted,
}

impl Goal {
    /// `condition=Ready`, `condition=Ready=False`, `phase=Stopped`, `delete`.
    fn parse(text: &str) -> anyhow::Result<Self> {
        match text.split_once('=') {
            Some(("condition", condition)) => {
                let (name, status) = condition.split_once('=').unwrap_or((condition, "True"));
                Ok(Self::Condition(name.to_owned(), status.to_owned()))
            }
            Some(("phase", name)) => Ok(Self::Phase(name.to_owned())),
            None if text == "delete" => Ok(Self::Deleted),
            _ => Err(Failure::bad_input(format!("--for {text:?} is not understood"))
                .hint("condition=Ready, condition=Ready=False, phase=Stopped or delete")
                .into()),
        }
    }

    fn is_met(&self, app: &App, observed: &Observed, id: &ObjectId) -> anyhow::Result<bool> {
        let exists = super::get::exists(observed, id);
        if matches!(self, Self::Deleted) || !exists {
            return Ok(matches!(self, Self::Deleted) && !exists);
        }
        let status = app.reconciler.status(id, observed, None).map_err(told)?;
        Ok(match self {
            Self::Condition(name, wanted) => status.conditions.iter().any(|condition| {
                condition.type_.eq_ignore_ascii_case(name)
                    && format!("{:?}", condition.status).eq_ignore_ascii_case(wanted)
            }),
            Self::Phase(wanted) => {
                status.phase.is_some_and(|phase| phase.eq_ignore_ascii_case(wanted))
            }
            Self::Deleted => false,
        })
    }
}
