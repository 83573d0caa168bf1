//! `limekiln wait`

use std::collections::BTreeSet;
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
    /// NAME of an instance, KIND/NAME, KIND and names, or a KIND for all of it, also what is to be made
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
    let mut told = BTreeSet::new();
    Control::open(&app).watch(&selection, args.timeout, |objects, change| {
        if !goal.is_met(None) {
            tell_left_out(&selection, objects, &mut told);
        }
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
/// be gone, all that a controller is going to make.
fn ids(selection: &Selection, objects: &Objects, goal: &Goal) -> Vec<ObjectId> {
    let counts = |one: &wire::Object| one.exists || (!goal.is_met(None) && never(one).is_none());
    match selection.objects.as_slice() {
        [] => objects.iter().filter(|(_, one)| counts(one)).map(|(id, _)| id.clone()).collect(),
        objects => objects.to_vec(),
    }
}

/// Why nobody is going to make an object that does not exist, if that is so.
fn never(object: &wire::Object) -> Option<&str> {
    let known = object.reconciliation.as_ref().filter(|_| !object.exists)?;
    let never = |wait: &&wire::Wait| matches!(wait.reason.as_str(), "Frozen" | "Suspended");
    known.waits.iter().find(never).map(|wait| wait.message.as_str())
}

/// Says of which objects of a kind it is not waited for, of each once.
fn tell_left_out(selection: &Selection, objects: &Objects, told: &mut BTreeSet<ObjectId>) {
    let of_kind = objects.iter().filter(|_| selection.objects.is_empty());
    for (id, why) in of_kind.filter_map(|(id, one)| Some((id, never(one)?))) {
        if told.insert(id.clone()) {
            errln!("{id} is not waited for: it does not exist, and {why}");
        }
    }
}

/// That there is nothing of what is meant.
fn nothing(selection: &Selection) -> String {
    let kinds: Vec<_> = selection.kinds.iter().map(ToString::to_string).collect();
    format!("there is no {}, and none is to be made", kinds.join(" or "))
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

#[cfg(test)]
mod tests {
    use limekiln_model::{Kind, Name};

    use super::*;

    fn wanted(reason: &str, message: &str) -> wire::Object {
        let (reason, message) = (reason.to_owned(), message.to_owned());
        let waits = vec![wire::Wait { reason, message, ..wire::Wait::default() }];
        let known = wire::Reconciliation { waits, ..wire::Reconciliation::default() };
        wire::Object { reconciliation: Some(known), ..wire::Object::default() }
    }

    #[test]
    fn of_a_kind_counts_what_exists_and_what_is_going_to_be_made() {
        let here = |object| wire::Object { exists: true, ..object };
        let all = [
            ("asleep", wanted("Suspended", "is suspended")),
            ("broken", wanted("Frozen", "its manifest is wrong")),
            ("full", wanted("Host", "the host has no room")),
            ("held", here(wanted("Frozen", "its manifest is wrong"))),
            ("paused", here(wanted("Suspended", "is suspended"))),
        ];
        let id = |name| ObjectId::instance(&Name::new(name).expect("a name"));
        let objects: Objects = all.into_iter().map(|(name, one)| (id(name), one)).collect();
        let kind = Selection { kinds: vec![Kind::Instance], objects: Vec::new() };
        let ready = Goal::parse("condition=Ready").expect("sound");
        let wanted = ["full", "held", "paused"].map(id);
        assert_eq!(ids(&kind, &objects, &ready), wanted);
        let mut told = BTreeSet::new();
        tell_left_out(&kind, &objects, &mut told);
        assert_eq!(told, ["asleep", "broken"].map(id).into());
        let gone = Goal::parse("delete").expect("sound");
        assert_eq!(ids(&kind, &objects, &gone), ["held", "paused"].map(id));
        let named = Selection::of(&[id("asleep")]);
        assert_eq!(ids(&named, &objects, &ready), [id("asleep")], "who names it waits for it");
    }
}
