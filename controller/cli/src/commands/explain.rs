//! `limekiln explain PATH`

use clap::Args;
use limekiln_api::explain::{Explained, lookup};
use limekiln_planner::cost;

use crate::exit::{Exit, Failure};
use crate::output::style::{BOLD, DIM, Styled};

/// What a field of a manifest means.
#[derive(Args)]
pub struct ExplainArgs {
    /// A kind and fields: `instance.spec.template.images`; `lima` is plain Lima YAML
    path: String,
}

/// Prints type, meaning, cost of a change and the fields below.
///
/// # Errors
/// If there is no such field.
pub fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let explained = lookup(&args.path).ok_or_else(|| {
        Failure::bad_input(format!("there is no field {:?}", args.path))
            .hint(nearest_parent(&args.path))
    })?;
    anstream::print!("{}", render(&explained));
    Ok(Exit::Done)
}

fn nearest_parent(path: &str) -> String {
    let mut parent = path;
    while let Some((shorter, _)) = parent.rsplit_once('.') {
        if lookup(shorter).is_some() {
            return format!("see `limekiln explain {shorter}`");
        }
        parent = shorter;
    }
    "start with instance, disk, network or lima".to_owned()
}

fn render(field: &Explained) -> String {
    let mut out = format!("{}  {}\n", Styled(BOLD, &field.path), Styled(DIM, &field.type_));
    if !field.description.is_empty() {
        out += &format!("\n{}\n", field.description);
    }
    if field.deprecated {
        out += "\ndeprecated: it still works, with a warning\n";
    }
    if !field.values.is_empty() && !field.values.iter().all(|value| field.type_.contains(value)) {
        out += &format!("\nvalues: {}\n", field.values.join(", "));
    }
    out += &default(field).map_or_else(String::new, |default| format!("\ndefault: {default}\n"));
    out += &cost(&field.path).unwrap_or_default();
    out + &children(field)
}

/// The default as it is written in YAML, or in words.
fn default(field: &Explained) -> Option<String> {
    let stated = field.default.as_ref().map(|value| match value.as_str() {
        Some("") => "empty".to_owned(),
        Some(text) => text.to_owned(),
        None => value.to_string(),
    });
    stated.or_else(|| field.default_in_words.clone())
}

/// What a change of the field costs a running VM.
fn cost(path: &str) -> Option<String> {
    let below_template = path
        .strip_prefix("instance.spec.template")
        .or_else(|| path.strip_prefix("lima"))
        .filter(|rest| rest.starts_with('.'));
    let path = match below_template {
        Some(rest) => format!("template{rest}"),
        None => path.replacen(".spec", "", 1),
    };
    let rule = cost::rule_for(&path)?;
    let note = rule.note.map(|note| format!(" ({note})")).unwrap_or_default();
    Some(format!("\na change costs: {}{note}\n", rule.cost.word()))
}

fn children(field: &Explained) -> String {
    if field.children.is_empty() {
        return String::new();
    }
    let width = field.children.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    let types =
        field.children.iter().map(|(_, kind, _)| kind.len().min(24)).max().unwrap_or_default();
    let mut out = "\nfields:\n".to_owned();
    for (name, kind, summary) in &field.children {
        let kind = format!("{kind:types$}");
        out += format!("  {name:width$}  {}  {summary}", Styled(DIM, &kind)).trim_end();
        out += "\n";
    }
    out
}
