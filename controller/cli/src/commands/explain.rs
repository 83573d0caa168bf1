//! `limekiln explain PATH`

use clap::Args;
use limekiln_api::explain::{Explained, lookup, propose};
use limekiln_planner::cost::{self, Rule};

use crate::exit::{Exit, Failure};
use crate::output::fold::{fold, width};
use crate::output::style::{BOLD, DIM, Styled};

/// Types longer than this do not push the summaries away.
const TYPE: usize = 18;

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
        Failure::bad_input(format!("there is no field {:?}", args.path)).hint(
            match propose(&args.path) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => nearest_parent(&args.path),
            },
        )
    })?;
    out!("{}", render(&explained));
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
    let terminal = width();
    let mut out = format!("{}  {}\n", Styled(BOLD, &field.path), Styled(DIM, &field.type_));
    if !field.description.is_empty() {
        out += &format!("\n{}\n", fold(&field.description, 0, terminal));
    }
    if field.deprecated {
        out += "\ndeprecated: it still works, with a warning\n";
    }
    if !field.values.is_empty() && !field.values.iter().all(|value| field.type_.contains(value)) {
        let values = format!("values: {}", field.values.join(", "));
        out += &format!("\n{}\n", fold(&values, 8, terminal));
    }
    if let Some(default) = default(field) {
        out += &format!("\n{}\n", fold(&format!("default: {default}"), 9, terminal));
    }
    if let Some(rule) = rule(&field.path) {
        let note = rule.note.map(|note| format!(" ({note})")).unwrap_or_default();
        let line = format!("a change costs: {}{note}", rule.cost.word());
        out += &format!("\n{}\n", fold(&line, 16, terminal));
    }
    if !field.children.is_empty() {
        out += &format!("\nfields:\n{}", children(field, terminal));
    }
    out
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
fn rule(path: &str) -> Option<&'static Rule> {
    let below_template = path
        .strip_prefix("instance.spec.template")
        .or_else(|| path.strip_prefix("lima"))
        .filter(|rest| rest.starts_with('.'));
    cost::rule_for(&match below_template {
        Some(rest) => format!("template{rest}"),
        None => path.replacen(".spec", "", 1),
    })
}

/// Name, type and summary of each field; a type that is longer than most pushes the summary to a
/// line of its own.
fn children(field: &Explained, terminal: Option<usize>) -> String {
    let names = field.children.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    let types = field.children.iter().map(|(_, kind, _)| kind.len()).filter(|len| *len <= TYPE);
    let types = types.max().unwrap_or_default();
    let start = names + types + 6;
    let mut out = String::new();
    for (name, kind, summary) in &field.children {
        let kind_cell = Styled(DIM, &format!("{kind:types$}")).to_string();
        let head = format!("  {name:names$}  {kind_cell}");
        out += &match kind.len() > types {
            false => fold(format!("{head}  {summary}").trim_end(), start, terminal),
            true => {
                let head = fold(&head, names + 4, terminal);
                format!("{head}\n{}", fold(&format!("{:start$}{summary}", ""), start, terminal))
            }
        };
        out += "\n";
    }
    out
}
