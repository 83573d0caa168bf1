//! `limekiln wait`

use std::time::Duration;

use clap::Args;
use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_server::convert::to_status;

use crate::compose::App;
use crate::control::{Change, Control, Objects};
use crate::exit::{Exit, Failure};
use crate::output::time::parse_duration;
use crate::output::why;
use crate::refs::{Selection, selection};

/// Wait until objects have a condition.
#[derive(Args)]
#[command(after_help = "Example: limekiln wait web db --for condition=Ready --timeout 5m")]
pub struct WaitArgs {
    /// NAME of an instance, KIND/NAME, KIND and names, or a KIND for all of it, wanted ones too
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
    Control::open(&app).watch(&selection, args.timeout, |objects, change| {
        let ids = ids(&selection, objects, &goal);
        let unmet: Vec<_> = ids.iter().filter(|id| !goal.is_met(objects.get(id))).collect();
        if unmet.is_empty() && (!ids.is_empty() || goal.is_met(None)) {
            ids.iter().for_each(|id| outln!("{id} {}", args.condition));
            return Ok(Some(Exit::Done));
        }
        match change {
            Change::More => Ok(None),
            Change::TimedOut => {
                let states: Vec<_> = unmet.iter().map(|id| state(objects, id)).collect();
                let message = match states.as_slice() {
                    [] => format!("still waiting: {}", nothing(&selection)),
                    states => format!("still waiting for {}", states.join(", ")),
                };
                Err(Failure::new(Exit::TimedOut, message).into())
            }
        }
    })
}

/// The named objects, whether they exist or not; or of a kind all that exist and, unless they are to
/// be gone, all that a controller wants.
fn ids(selection: &Selection, objects: &Objects, goal: &Goal) -> Vec<ObjectId> {
    let counts = |one: &wire::Object| one.exists || !goal.is_met(None);
    match selection.objects.as_slice() {
        [] => objects.iter().filter(|(_, one)| counts(one)).map(|(id, _)| id.clone()).collect(),
        objects => objects.to_vec(),
    }
}

/// That there is nothing of what is meant.
fn nothing(selection: &Selection) -> String {
    let kinds: Vec<_> = selection.kinds.iter().map(ToString::to_string).collect();
    format!("there is no {}, and none is wanted", kinds.join(" or "))
}

/// The object, and how it is now.
fn state(objects: &Objects, id: &ObjectId) -> String {
    let Some(object) = objects.get(id) else { return format!("{id}, which does not exist") };
    let phase = object.status.as_ref().map(|status| status.phase.as_str()).unwrap_or_default();
    let boot = match &object.details {
        Some(wire::object::Details::Instance(instance)) => instance.waiting_for.as_str(),
        Some(_) => return id.to_string(),
        None => "",
    };
    let waits = if boot.is_empty() { String::new() } else { format!(" and waits for {boot}") };
    let known = why::lines(object).into_iter().next().map(|line| format!(" ({line})"));
    format!("{id}, which is {phase}{waits}{}", known.unwrap_or_default())
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

    fn is_met(&self, object: Option<&wire::Object>) -> bool {
        let Some(object) = object.filter(|object| object.exists) else {
            return matches!(self, Self::Deleted);
        };
        let status = to_status(object);
        match self {
            Self::Condition(name, wanted) => status.conditions.iter().any(|condition| {
                condition.type_.eq_ignore_ascii_case(name)
                    && format!("{:?}", condition.status).eq_ignore_ascii_case(wanted)
            }),
            Self::Phase(wanted) => {
                status.phase.is_some_and(|phase| phase.eq_ignore_ascii_case(wanted))
            }
            Self::Deleted => false,
        }
    }
}
