//! What a plan does, object by object.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_model::{Action, Cost, ObjectId, Plan, Step, StepId, StopMode};

use super::made::made;
use super::value::short;

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It is made, or brought back.
    Create,
    /// It is changed.
    Change,
    /// It is made anew.
    Replace,
    /// It is deleted, and can be brought back.
    Delete,
    /// It is removed for good.
    Purge,
    /// It is started, stopped, or let go.
    Run,
}

impl Sign {
    /// `+`, `~`, `-/+`, `-` or `>`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Change => "~",
            Self::Replace => "-/+",
            Self::Delete | Self::Purge => "-",
            Self::Run => ">",
        }
    }
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// An object, what happens to it in words, and what it costs a running VM.
    Object {
        /// What happens.
        sign: Sign,
        /// The object.
        id: ObjectId,
        /// `create, start, wait until ready`.
        what: String,
        /// What it costs, if it runs.
        cost: Option<Cost>,
    },
    /// A field of the object above.
    Field {
        /// Its path.
        path: String,
        /// The value that it has.
        from: String,
        /// The value that it gets.
        to: String,
        /// What the change costs.
        cost: Cost,
        /// Why.
        note: Option<String>,
    },
    /// What is made of the object above: `2 CPUs, 1GiB memory, 10GiB disk, …`.
    Made(String),
    /// What one of its steps waits for, beyond the steps of its own object.
    After {
        /// The step, as [`Action::verb`] says it.
        verb: &'static str,
        /// The objects.
        ids: Vec<ObjectId>,
    },
    /// Why something is done to the object above.
    Why(String),
}

/// How much a plan does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Objects that are made.
    pub create: usize,
    /// Objects that are changed.
    pub change: usize,
    /// Objects that are made anew.
    pub replace: usize,
    /// Objects that are deleted.
    pub delete: usize,
    /// Objects that are only started, stopped or let go.
    pub run: usize,
    /// Running instances that are stopped and started.
    pub restarts: usize,
}

/// The plan as lines, objects in the order of their first steps.
pub fn lines(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    for (id, steps) in by_object(plan) {
        let actions: Vec<_> = steps.iter().map(|(_, step)| &step.action).collect();
        let cost = steps.iter().filter_map(|(_, step)| step.cost).max();
        lines.push(Line::Object {
            sign: sign(&steps),
            id: id.clone(),
            what: words(&actions),
            cost,
        });
        lines.extend(actions.iter().find_map(|action| made(action)).map(Line::Made));
        let whys: BTreeSet<_> = steps.iter().filter_map(|(_, step)| step.why.clone()).collect();
        lines.extend(whys.into_iter().map(Line::Why));
        for change in plan.changes.get(&id).into_iter().flatten() {
            lines.push(Line::Field {
                path: change.path.strip_prefix("template.").unwrap_or(&change.path).to_owned(),
                from: short(change.from.as_ref()),
                to: short(change.to.as_ref()),
                cost: change.cost,
                note: change.note.clone(),
            });
        }
        lines.extend(waits(plan, &id, &steps));
    }
    lines
}

/// How much the plan does.
pub fn summary(plan: &Plan) -> Summary {
    let mut summary = Summary::default();
    for (_, steps) in by_object(plan) {
        let actions: Vec<_> = steps.iter().map(|(_, step)| &step.action).collect();
        match sign(&steps) {
            Sign::Create => summary.create += 1,
            Sign::Change => summary.change += 1,
            Sign::Replace => summary.replace += 1,
            Sign::Delete | Sign::Purge => summary.delete += 1,
            Sign::Run => summary.run += 1,
        }
        let stops = actions.iter().any(|action| matches!(action, Action::StopInstance { .. }));
        let starts = actions.iter().any(|action| matches!(action, Action::StartDriver { .. }));
        summary.restarts += usize::from(stops && starts);
    }
    summary
}

type Steps<'a> = Vec<(StepId, &'a Step)>;

fn by_object(plan: &Plan) -> Vec<(ObjectId, Steps<'_>)> {
    let mut first: Vec<ObjectId> = Vec::new();
    let mut steps: BTreeMap<ObjectId, Steps<'_>> = BTreeMap::new();
    for (number, step) in plan.iter() {
        let id = step.action.object();
        let of_object = steps.entry(id.clone()).or_default();
        if of_object.is_empty() {
            first.push(id);
        }
        of_object.push((number, step));
    }
    first.into_iter().map(|id| (id.clone(), steps.remove(&id).unwrap_or_default())).collect()
}

fn sign(steps: &Steps<'_>) -> Sign {
    let any = |like: fn(&Action) -> bool| steps.iter().any(|(_, step)| like(&step.action));
    let creates = any(|action| {
        matches!(
            action,
            Action::CreateInstance { .. }
                | Action::CreateDisk { .. }
                | Action::DefineNetwork { .. }
                | Action::Restore { .. }
        )
    });
    let deletes = any(|action| matches!(action, Action::Park { .. } | Action::Purge { .. }));
    let purges = any(|action| matches!(action, Action::Purge { .. }));
    // What a definition costs is what it costs those who use the one before.
    let redefines =
        |step: &Step| matches!(step.action, Action::DefineNetwork { .. }) && step.cost.is_some();
    let redefined = steps.iter().any(|(_, step)| redefines(step));
    match (creates, deletes) {
        (true, true) => Sign::Replace,
        (true, false) if redefined => Sign::Change,
        (true, false) => Sign::Create,
        (false, true) if purges => Sign::Purge,
        (false, true) => Sign::Delete,
        _ if any(|action| {
            matches!(
                action,
                Action::EditInstance { .. }
                    | Action::ResizeDisk { .. }
                    | Action::ResizeInstanceDisk { .. }
                    | Action::AttachDisk { .. }
                    | Action::DetachDisk { .. }
            )
        }) =>
        {
            Sign::Change
        }
        _ => Sign::Run,
    }
}

/// `stop, edit, grow disk, start, wait until ready`
fn words(actions: &[&Action]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for action in actions {
        let word = match action {
            Action::StopInstance { mode: StopMode::Force, .. } => "stop by force",
            action => action.verb(),
        };
        if words.last() != Some(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

/// For each step, the other objects whose steps come directly before it; each is named once.
fn waits(plan: &Plan, id: &ObjectId, steps: &Steps<'_>) -> Vec<Line> {
    let mut named = BTreeSet::from([id.clone()]);
    let mut lines = Vec::new();
    for (_, step) in steps {
        let before = step.after.iter().filter_map(|number| plan.step(*number));
        let others: BTreeSet<_> = before.map(|step| step.action.object()).collect();
        let ids: Vec<_> = others.into_iter().filter(|other| named.insert(other.clone())).collect();
        if !ids.is_empty() {
            lines.push(Line::After { verb: step.action.verb(), ids });
        }
    }
    lines
}
