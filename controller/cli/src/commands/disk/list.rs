//! `limekiln disk list`

use clap::Args;
use limekiln_model::{Name, ObservedDisk};
use serde_json::json;

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::table::Table;

/// List disks, whoever made them.
#[derive(Args)]
pub struct ListArgs {
    /// Only these
    names: Vec<String>,
    /// One JSON object per line, as limactl prints them
    #[arg(long)]
    json: bool,
}

/// Prints them.
///
/// # Errors
/// If the home cannot be read, or a named one does not exist; the others are printed all the same.
pub fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let names =
        args.names.iter().map(|word| super::disk(word)).collect::<anyhow::Result<Vec<_>>>()?;
    let observed = app.observe()?;
    let wanted = |name: &Name| names.is_empty() || names.contains(name);
    let disks: Vec<_> = observed.disks.iter().filter(|(name, _)| wanted(name)).collect();
    if args.json {
        disks.iter().for_each(|(name, disk)| outln!("{}", data(&app, name, disk)));
    } else if disks.is_empty() && names.is_empty() {
        errln!("no disks; make one with `limekiln disk create NAME --size SIZE`");
    } else if !disks.is_empty() {
        out!("{}", table(&app, &disks).render());
    }
    match names.iter().find(|name| !observed.disks.contains_key(*name)) {
        None => Ok(Exit::Done),
        Some(name) => Err(Failure::new(Exit::Failed, format!("there is no disk {name}")).into()),
    }
}

fn table(app: &App, disks: &[(&Name, &ObservedDisk)]) -> Table {
    let mut table = Table::new(&["NAME", "SIZE", "FORMAT", "IN-USE-BY", "DIR"]);
    for (name, disk) in disks {
        table.row(vec![
            name.to_string(),
            limekiln_api::ByteSize(disk.size).to_string(),
            disk.format.word().to_owned(),
            disk.in_use_by.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            app.short_path(&app.lima_home().join("_disks").join(name.as_str())),
        ]);
    }
    table
}

/// Lima's keys.
fn data(app: &App, name: &Name, disk: &ObservedDisk) -> serde_json::Value {
    let holder = disk.in_use_by.as_ref();
    json!({
        "name": name,
        "size": disk.size,
        "format": disk.format.word(),
        "dir": app.lima_home().join("_disks").join(name.as_str()),
        "instance": holder.map(ToString::to_string).unwrap_or_default(),
        "instanceDir": holder.map(|holder| app.lima_home().join(holder.as_str())).unwrap_or_default(),
        "mountPoint": format!("/mnt/lima-{name}"),
    })
}
