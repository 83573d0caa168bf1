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
    if let Some(default) = &field.default {
        out += &format!("\ndefault: {default}\n");
    }
    let template = field
        .path
        .split_once("template.")
        .or_else(|| field.path.split_once("lima."))
        .map(|(_, rest)| rest);
    if let Some(rule) = template.and_then(|path| cost::rule_for(&format!("template.{path}"))) {
        out += &format!("\na change costs: {}", rule.cost.word());
        out += &rule.note.map_or_else(|| "\n".to_owned(), |note| format!(" ({note})\n"));
    }
    if !field.children.is_empty() {
        let width = field.children.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
        let types =
            field.children.iter().map(|(_, kind, _)| kind.len().min(24)).max().unwrap_or_default();
        out += "\nfields:\n";
        for (name, kind, summary) in &field.children {
            out +=
                format!("  {name:width$}  {}  {summary}", Styled(DIM, &format!("{kind:types$}")))
                    .trim_end();
            out += "\n";
        }
    }
    out
}
