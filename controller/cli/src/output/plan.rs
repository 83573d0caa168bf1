//! Plans and reports on a terminal.

use std::fmt::Write;

use limekiln_model::{Change, Cost, Note, ObjectId, Plan, Report};
use limekiln_planner::render::{Line, Sign, lines, reason, summary};
use serde_json::Value;

use super::fold::{fold, width};
use super::style::{BAD, BOLD, CHANGE, DIM, GOOD, Styled};
use super::words::count;

/// Names longer than this do not push the others' columns away.
const NAME: usize = 32;
/// The same for fields and their values.
const FIELD: usize = 24;

/// The plan, what waits and why, and the totals.
pub fn show(plan: &Plan, report: &Report) -> String {
    let mut out = render(plan) + &waiting(report);
    if !plan.is_empty() {
        let _ = write!(out, "\n{}\n", totals(plan));
    }
    out
}

/// What happens to each object, which fields change, what that costs, and what waits for what.
fn render(plan: &Plan) -> String {
    let lines = lines(plan);
    let columns = Columns::of(&lines);
    let mut out = String::new();
    let mut changes = [].iter();
    for line in &lines {
        if let Line::Object { id, .. } = line {
            changes = plan.changes.get(id).map_or([].iter(), |changes| changes.iter());
        }
        out += &fold(&one(line, &columns), 8, columns.terminal);
        out.push('\n');
        if let (Line::Field { .. }, Some(change)) = (line, changes.next()) {
            out += &script(change);
        }
    }
    out
}

fn one(line: &Line, columns: &Columns) -> String {
    let beside = |text: &str| format!("      {}", Styled(DIM, text));
    match line {
        Line::Object { sign, id, what, cost } => {
            let name = format!("{:3} {:2$}", sign.text(), id.to_string(), columns.name);
            format!("{}  {what}{}", Styled(of_sign(*sign), &name), price(*sign, *cost))
        }
        Line::Made(what) => beside(what),
        Line::Field { path, from, to, cost, note } => {
            let note = note.as_deref().map(|note| format!("  ({note})")).unwrap_or_default();
            let (values, cost) = (values(from, to), Styled(style_of(*cost), cost.word()));
            let (path_width, value_width) = (columns.path, columns.values);
            format!("      {path:path_width$}  {values:value_width$}  {cost}{}", Styled(DIM, &note))
        }
        Line::After { verb, ids } => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            beside(&format!("{verb} after {}", ids.join(", ")))
        }
        Line::Why(why) => beside(&format!("because {why}")),
    }
}

/// How wide the columns are.
struct Columns {
    terminal: Option<usize>,
    name: usize,
    path: usize,
    values: usize,
}

impl Columns {
    fn of(lines: &[Line]) -> Self {
        let mut columns = Self { terminal: width(), name: 0, path: 0, values: 0 };
        for line in lines {
            match line {
                Line::Object { id, .. } => columns.name = columns.name.max(bounded(id, NAME)),
                Line::Field { path, from, to, .. } => {
                    columns.path = columns.path.max(bounded(path, FIELD));
                    columns.values = columns.values.max(bounded(&values(from, to), FIELD));
                }
                _ => {}
            }
        }
        columns
    }
}

fn bounded(text: &impl ToString, most: usize) -> usize {
    let length = text.to_string().chars().count();
    if length > most { 0 } else { length }
}

fn values(from: &str, to: &str) -> String {
    format!("{from} → {to}")
}

/// What differs inside a text of several lines.
fn script(change: &Change) -> String {
    let text = |value: &Option<Value>| {
        value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (from, to) = (text(&change.from), text(&change.to));
    if from.lines().count().max(to.lines().count()) < 2 {
        return String::new();
    }
    let lines = super::difference::lines(&from, &to);
    lines.iter().map(|line| format!("        {line}\n")).collect()
}

fn of_sign(sign: Sign) -> anstyle::Style {
    match sign {
        Sign::Create => GOOD,
        Sign::Change => CHANGE,
        Sign::Replace | Sign::Delete | Sign::Purge => BAD,
        Sign::Run => BOLD,
    }
}

fn style_of(cost: Cost) -> anstyle::Style {
    match cost {
        Cost::Live => GOOD,
        Cost::Restart => CHANGE,
        Cost::Recreate | Cost::Refused => BAD,
    }
}

/// What the steps of an object cost. What is parked is not lost.
fn price(sign: Sign, cost: Option<Cost>) -> String {
    let (style, words) = match (sign, cost) {
        (Sign::Delete, _) => (DIM, "undelete brings it back"),
        (Sign::Purge, _) => (BAD, "nothing brings it back"),
        (Sign::Replace, _) => (BAD, "its own disk starts empty"),
        (_, Some(cost)) => (style_of(cost), cost.word()),
        (_, None) => return String::new(),
    };
    format!("  {}", Styled(style, words))
}

/// `Plan: 1 to create, 2 to change (1 restart).`
pub fn totals(plan: &Plan) -> String {
    let summary = summary(plan);
    let parts: Vec<_> = [
        (summary.create, "to create"),
        (summary.change, "to change"),
        (summary.replace, "to make anew"),
        (summary.delete, "to delete"),
        (summary.run, "to start or stop"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let restarts = match summary.restarts {
        0 => String::new(),
        restarts => format!(" ({})", count(restarts, "restart")),
    };
    match parts.is_empty() {
        true => "Nothing to do.".to_owned(),
        false => format!("Plan: {}{restarts}.", parts.join(", ")),
    }
}

/// What waits and why, and what else is to be told, one object's reason per line, and what to do
/// about it.
pub fn waiting(report: &Report) -> String {
    let width = width();
    let mut out = String::new();
    for (id, waiting) in entries(report) {
        let name = format!("{:3} {id}", "!");
        let line = format!("{}  {}", Styled(CHANGE, &name), reason(id, &waiting.reason));
        out += &(fold(&line, 6, width) + "\n");
        if let Some(hint) = &waiting.hint {
            out += &way_out(hint, width);
        }
    }
    for (id, note) in notes(report) {
        let line = format!("{} {id} {}", Styled(CHANGE, "note:"), note.text);
        out += &(fold(&line, 6, width) + "\n" + &way_out(&note.hint, width));
    }
    out
}

fn way_out(hint: &str, width: Option<usize>) -> String {
    let hint = format!("      {}", Styled(DIM, &format!("→ {hint}")));
    fold(&hint, 8, width) + "\n"
}

/// What is told beside what waits, one by one.
pub fn notes(report: &Report) -> impl Iterator<Item = (&ObjectId, &Note)> {
    report.notes.iter().flat_map(|(id, all)| all.iter().map(move |note| (id, note)))
}

fn entries(report: &Report) -> impl Iterator<Item = (&ObjectId, &limekiln_model::Waiting)> {
    report.waiting.iter().flat_map(|(id, all)| all.iter().map(move |waiting| (id, waiting)))
}

/// What waits now, or is told, and was not shown before.
pub fn news(before: &Report, now: &Report) -> Report {
    let mut news = Report::default();
    for (id, waiting) in entries(now) {
        let known = before.waiting.get(id).is_some_and(|known| known.contains(waiting));
        if !known {
            news.add(id.clone(), waiting.reason.clone(), waiting.hint.clone());
        }
    }
    for (id, note) in notes(now) {
        if !before.notes.get(id).is_some_and(|known| known.contains(note)) {
            news.note(id.clone(), note.clone());
        }
    }
    news
}
