//! Plans and reports on a terminal.

use std::fmt::Write;

use limekiln_model::{Change, Cost, Plan, Report, WaitReason};
use limekiln_planner::render::{Line, Sign, lines, summary};
use serde_json::Value;

use super::style::{BAD, BOLD, CHANGE, DIM, GOOD, Styled};

/// The plan: what happens to each object, which fields change, what that costs, and what waits
/// for what.
pub fn render(plan: &Plan) -> String {
    let mut out = String::new();
    let lines = lines(plan);
    let width = lines.iter().filter_map(field_width).max().unwrap_or_default();
    let mut fields = [].iter();
    for line in &lines {
        // Writing to a string cannot fail.
        let _ = match line {
            Line::Object { sign, id, what, cost } => {
                fields = plan.changes.get(id).map_or([].iter(), |changes| changes.iter());
                let cost = cost
                    .map(|cost| format!("  {}", Styled(style_of(cost), word_of(cost))))
                    .unwrap_or_default();
                let name = format!("{:3} {id}", sign.text());
                writeln!(out, "{}  {what}{cost}", Styled(of_sign(*sign), &name))
            }
            Line::Field { path, from, to, cost, note } => {
                let note = note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default();
                let cost = Styled(style_of(*cost), cost.word());
                let values = format!("{from} → {to}");
                let text =
                    writeln!(out, "      {path:width$}  {values}   {cost}{}", Styled(DIM, &note));
                fields
                    .next()
                    .map_or(text, |change| text.and_then(|()| out.write_str(&script(change))))
            }
            Line::After(ids) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                writeln!(out, "      {}", Styled(DIM, &format!("after {}", ids.join(", "))))
            }
            Line::Why(why) => writeln!(out, "      {}", Styled(DIM, &format!("because {why}"))),
        };
    }
    out
}

fn field_width(line: &Line) -> Option<usize> {
    match line {
        Line::Field { path, .. } => Some(path.chars().count()),
        _ => None,
    }
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
    let diff = similar::TextDiff::configure()
        .timeout(std::time::Duration::from_millis(200))
        .diff_lines(&from, &to);
    let unified = diff.unified_diff().context_radius(2).to_string();
    let lines = unified.lines().map(|line| {
        let style = match line.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            _ => DIM,
        };
        format!("        {}\n", Styled(style, line))
    });
    lines.collect()
}

fn of_sign(sign: Sign) -> anstyle::Style {
    match sign {
        Sign::Create => GOOD,
        Sign::Change => CHANGE,
        Sign::Replace | Sign::Delete => BAD,
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

/// On an object's line a deletion costs the whole instance, which `recreate` would hide.
fn word_of(cost: Cost) -> &'static str {
    match cost {
        Cost::Recreate => "its own disk goes",
        cost => cost.word(),
    }
}

/// `Plan: 1 to create, 2 to change (1 restart).`
pub fn totals(plan: &Plan) -> String {
    let summary = summary(plan);
    let mut parts = Vec::new();
    for (count, what) in [
        (summary.create, "to create"),
        (summary.change, "to change"),
        (summary.replace, "to make anew"),
        (summary.delete, "to delete"),
        (summary.run, "to start or stop"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let restarts = match summary.restarts {
        0 => String::new(),
        1 => " (1 restart)".to_owned(),
        count => format!(" ({count} restarts)"),
    };
    match parts.is_empty() {
        true => "Nothing to do.".to_owned(),
        false => format!("Plan: {}{restarts}.", parts.join(", ")),
    }
}

/// What waits and why, one object's reason per line, and what to do about it.
pub fn waiting(report: &Report) -> String {
    let mut out = String::new();
    for (id, reasons) in &report.waiting {
        for waiting in reasons {
            let name = format!("{:3} {id}", "!");
            let _ = writeln!(out, "{}  {}", Styled(CHANGE, &name), reason(&waiting.reason));
            if let Some(hint) = &waiting.hint {
                let _ = writeln!(out, "      {}", Styled(DIM, &format!("→ {hint}")));
            }
        }
    }
    out
}

/// A reason as a sentence without its subject.
pub fn reason(reason: &WaitReason) -> String {
    let names = |ids: &[limekiln_model::ObjectId]| {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
    };
    match reason {
        WaitReason::Frozen { why } => format!("is left alone: {why}"),
        WaitReason::Missing { object } => format!("{object} does not exist"),
        WaitReason::Cycle { path } => format!("depends on itself: {}", names(path)),
        WaitReason::Conflict { with, over } => format!("claims what {with} claims, too: {over}"),
        WaitReason::NotOurs => "exists, and limekiln did not make it".to_owned(),
        WaitReason::Dependency { on } => format!("waits for {on}"),
        WaitReason::RestartRequired { changes } => {
            format!("needs a restart for {}", fields(changes))
        }
        WaitReason::RecreateRequired { changes } => {
            format!("would have to be made anew for {}", fields(changes))
        }
        WaitReason::Refused { changes } => {
            format!("asks for what is never done: {}", fields(changes))
        }
        WaitReason::Host { why } | WaitReason::Unpruned { why } => why.clone(),
        WaitReason::Suspended => "is suspended".to_owned(),
        WaitReason::Protected => "is protected".to_owned(),
        WaitReason::Broken { why } => format!("is broken: {why}"),
    }
}

fn fields(changes: &[Change]) -> String {
    let short = |value: &Option<Value>| match value {
        Some(Value::String(text)) if text.lines().count() < 2 => text.clone(),
        Some(Value::String(_)) => "…".to_owned(),
        Some(value) => value.to_string().chars().take(40).collect(),
        None => "(unset)".to_owned(),
    };
    let one = |change: &Change| {
        let path = change.path.strip_prefix("template.").unwrap_or(&change.path);
        format!("{path} ({} → {})", short(&change.from), short(&change.to))
    };
    changes.iter().map(one).collect::<Vec<_>>().join(", ")
}
