//! `limekiln list`

mod data;
mod query;

use std::sync::Arc;

use clap::Args;
use limekiln_api::Listed;
use limekiln_model::{Name, Observed, ObservedInstance};
use serde_json::Value;

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::format::Format;
use crate::output::table::Table;
pub use data::Row;
use query::Query;

/// List instances as limactl does.
#[derive(Args)]
#[command(after_help = "Examples:\n  limekiln list --format '{{.Name}} {{.Status}}'\n  \
                  limekiln list --filter '.status == \"Running\"' --yq '.config.cpus'")]
pub struct ListArgs {
    /// Only these
    names: Vec<String>,
    /// How to print; `json` and `yaml` are one list
    #[arg(short, long, value_enum, default_value_t, conflicts_with_all = ["format", "json"])]
    output: Format,
    /// How to print, as limactl has it: json (one object per line), yaml, table, or a template
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Only names
    #[arg(short, long, conflicts_with_all = ["format", "json"])]
    quiet: bool,
    /// All columns, however wide
    #[arg(long)]
    all_fields: bool,
    /// Only tell which fields a template may have
    #[arg(long, conflicts_with_all = ["yq", "filter"])]
    list_fields: bool,
    /// Print what this jq expression makes of each instance's JSON; of several, each goes on with
    /// what the one before made. Texts are printed bare
    #[arg(long, value_name = "EXPR")]
    yq: Vec<String>,
    /// Only instances of which this jq expression is true; of several, all
    #[arg(short = 'l', long, value_name = "EXPR")]
    filter: Vec<String>,
}

/// What is printed.
enum Shape<'a> {
    Names,
    Table {
        wide: bool,
    },
    /// One JSON object per line.
    Lines,
    Json,
    /// One document each.
    Yaml,
    Template(&'a str),
}

impl ListArgs {
    fn shape(&self) -> Shape<'_> {
        match (self.format.as_deref(), self.output) {
            (Some("json"), _) => Shape::Lines,
            (Some("yaml"), _) => Shape::Yaml,
            (Some("table"), _) => Shape::Table { wide: self.all_fields },
            (Some(template), _) => Shape::Template(template),
            _ if self.json => Shape::Lines,
            _ if self.quiet => Shape::Names,
            (None, Format::Name) => Shape::Names,
            (None, Format::Json) => Shape::Json,
            (None, Format::Yaml) => Shape::Yaml,
            (None, Format::Wide) => Shape::Table { wide: true },
            (None, Format::Table) => Shape::Table { wide: self.all_fields },
        }
    }
}

/// Prints the instances, whoever made them.
///
/// # Errors
/// If the home cannot be read, the template is wrong, or a named one does not exist; the others
/// are printed all the same.
pub fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    if args.list_fields {
        Listed::names().for_each(|name| outln!("{name}"));
        return Ok(Exit::Done);
    }
    let app = App::open()?;
    let observed = app.observe()?;
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|asked| asked == name);
    let mut instances: Vec<_> =
        observed.instances.iter().filter(|(name, _)| wanted(name.as_str())).collect();
    for expression in &args.filter {
        keep(&app, &mut instances, expression)?;
    }
    let filtered_out = instances.is_empty() && !args.filter.is_empty();
    match args.shape() {
        _ if !args.yq.is_empty() => print_answers(&app, &instances, args)?,
        Shape::Table { .. } if filtered_out => errln!("--filter lets no instance through"),
        shape => print(&app, &instances, &shape)?,
    }
    match missing(&args.names, &observed) {
        None => Ok(Exit::Done),
        Some(name) => {
            Err(Failure::new(Exit::Failed, format!("there is no instance {name}")).into())
        }
    }
}

fn asked(option: &str, expression: &str) -> anyhow::Result<Query> {
    Query::new(expression).map_err(|why| refused(option, expression, &why))
}

fn refused(option: &str, expression: &str, why: &str) -> anyhow::Error {
    Failure::bad_input(format!("{option} '{expression}': {why}"))
        .hint("expressions are jq's; `limekiln list --json` shows what they are about")
        .into()
}

/// Keeps those of which the expression is true, as jq's `select` does.
fn keep(
    app: &App,
    instances: &mut Vec<(&Name, &Arc<ObservedInstance>)>,
    expression: &str,
) -> anyhow::Result<()> {
    let query = asked("--filter", expression)?;
    let mut kept = Vec::new();
    for (name, instance) in instances.drain(..) {
        let row = Row { name, instance, facts: app.facts() };
        let answers = query.ask(&row.json());
        let answers = answers.map_err(|why| refused("--filter", expression, &why))?;
        let is_true = |answer: &Value| !matches!(answer, Value::Null | Value::Bool(false));
        if answers.iter().any(is_true) {
            kept.push((name, instance));
        }
    }
    *instances = kept;
    Ok(())
}

/// Prints what `--yq` makes of each.
fn print_answers(
    app: &App,
    instances: &[(&Name, &Arc<ObservedInstance>)],
    args: &ListArgs,
) -> anyhow::Result<()> {
    let mut expression = args.yq.join(" | ");
    if args.quiet {
        expression += " | .name";
    }
    let query = asked("--yq", &expression)?;
    let mut answers = Vec::new();
    for (name, instance) in instances {
        let asked = query.ask(&Row { name, instance, facts: app.facts() }.json());
        answers.extend(asked.map_err(|why| refused("--yq", &expression, &why))?);
    }
    match args.shape() {
        Shape::Json => outln!("{}", serde_json::to_string_pretty(&answers)?),
        Shape::Yaml => print_yaml(answers.iter()),
        // As nothing was asked for, lines.
        Shape::Table { .. } if args.format.is_none() && !args.all_fields => print_lines(&answers),
        Shape::Lines | Shape::Names => print_lines(&answers),
        Shape::Table { .. } | Shape::Template(_) => {
            let why = "what --yq makes is printed as json or yaml";
            return Err(Failure::bad_input(why).into());
        }
    }
    Ok(())
}

/// One a line; texts bare, for scripts.
fn print_lines(answers: &[Value]) {
    for answer in answers {
        match answer {
            Value::String(text) => outln!("{text}"),
            other => outln!("{other}"),
        }
    }
}

fn print_yaml<'a>(values: impl Iterator<Item = &'a Value>) {
    for (index, value) in values.enumerate() {
        let separator = if index == 0 { "" } else { "---\n" };
        out!("{separator}{}", limekiln_api::to_yaml(value));
    }
}

fn missing<'a>(names: &'a [String], observed: &Observed) -> Option<&'a String> {
    names.iter().find(|name| !observed.instances.keys().any(|known| known.as_str() == **name))
}

fn print(
    app: &App,
    instances: &[(&Name, &Arc<ObservedInstance>)],
    shape: &Shape<'_>,
) -> anyhow::Result<()> {
    let rows =
        || instances.iter().map(|(name, instance)| Row { name, instance, facts: app.facts() });
    match shape {
        Shape::Names => rows().for_each(|row| outln!("{}", row.name)),
        Shape::Table { wide } => print_table(app, instances, *wide),
        Shape::Lines => rows().for_each(|row| outln!("{}", row.json())),
        Shape::Json => {
            let all: Vec<_> = rows().map(|row| row.json()).collect();
            outln!("{}", serde_json::to_string_pretty(&all)?);
        }
        Shape::Yaml => print_yaml(rows().map(|row| row.json()).collect::<Vec<_>>().iter()),
        Shape::Template(text) => {
            for row in rows() {
                let line = row.listed().print(text).map_err(|why| {
                    Failure::bad_input(format!("--format: {why}"))
                        .hint("`limekiln list --list-fields` shows the names")
                })?;
                outln!("{line}");
            }
        }
    }
    Ok(())
}

fn print_table(app: &App, instances: &[(&Name, &Arc<ObservedInstance>)], wide: bool) {
    if instances.is_empty() {
        errln!("no instances; make one with `limekiln apply -f FILE`");
        return;
    }
    let whole = table(app, instances, true);
    let shown = if wide || whole.fits() { whole } else { table(app, instances, false) };
    out!("{}", shown.render());
}

/// As limactl's; the directories are left out where they do not fit.
fn table(app: &App, instances: &[(&Name, &Arc<ObservedInstance>)], with_dir: bool) -> Table {
    let header = ["NAME", "STATUS", "SSH", "VMTYPE", "ARCH", "CPUS", "MEMORY", "DISK", "DIR"];
    let columns = if with_dir { header.len() } else { header.len() - 1 };
    let mut table = Table::new(&header[..columns]);
    for (name, instance) in instances {
        let mut row = row(app, name, instance);
        row.truncate(columns);
        table.row(row);
    }
    table
}

fn row(app: &App, name: &Name, instance: &ObservedInstance) -> Vec<String> {
    let config = instance.config.as_ref();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        name.to_string(),
        Row { name, instance, facts: app.facts() }.status().to_owned(),
        or_dash(instance.ssh_port.map(|port| format!("127.0.0.1:{port}"))),
        or_dash(config.and_then(|config| config.vm_type.clone())),
        or_dash(config.and_then(|config| config.arch).map(|arch| arch.to_string())),
        or_dash(config.and_then(|config| config.cpus).map(|cpus| cpus.to_string())),
        or_dash(config.and_then(|config| config.memory).map(|size| size.to_string())),
        or_dash(instance.disk_bytes.map(|bytes| limekiln_api::ByteSize(bytes).to_string())),
        app.short_path(&instance.dir),
    ]
}
