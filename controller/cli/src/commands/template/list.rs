//! `limekiln template list`

use clap::Args;
use serde_json::{Value, json};

use crate::compose::App;
use crate::exit::Exit;
use crate::output::format::{Format, print_data};
use crate::output::table::Table;

/// List the templates that `template:NAME` finds.
#[derive(Args)]
pub struct ListArgs {
    /// Also those that are parts of others; their names begin with `_`
    #[arg(long)]
    all: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints names, and where each template is.
///
/// # Errors
/// If there is no home directory.
pub fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let mut list = app.template_store().list();
    list.retain(|listed| args.all || !listed.name.starts_with('_'));
    let data: Vec<Value> = list
        .iter()
        .map(|listed| json!({"name": listed.name, "location": listed.location}))
        .collect();
    if print_data(args.output, &data)? {
        return Ok(Exit::Done);
    }
    if args.output == Format::Name {
        let names: Vec<_> =
            list.iter().map(|listed| format!("template:{}\n", listed.name)).collect();
        super::print(&names.concat())?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["NAME", "LOCATION"]);
    for listed in list {
        let location = app.short_path(listed.location.as_ref());
        table.row(vec![listed.name, location]);
    }
    out!("{}", table.render());
    Ok(Exit::Done)
}
