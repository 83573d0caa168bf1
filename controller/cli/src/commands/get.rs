//! `limekiln get [KIND [NAME…]]`

use clap::Args;
use limekiln_model::{Kind, Name, ObjectId, Observed, ObservedInstance};

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::format::{Format, print_data};
use crate::output::table::Table;
use crate::refs::{Selection, selection};

/// List objects: instances, disks, networks or all.
#[derive(Args)]
pub struct GetArgs {
    /// A kind and names, or KIND/NAME
    what: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// Objects that were deleted and can be brought back
    #[arg(long)]
    deleted: bool,
}

/// Prints what exists.
///
/// # Errors
/// If the home cannot be read, or a named object does not exist.
pub fn run(args: &GetArgs) -> anyhow::Result<Exit> {
    let selection = selection(&args.what)?;
    let app = App::open()?;
    let observed = app.observe()?;
    if args.deleted {
        return deleted(&observed, &selection, args.output);
    }
    let chosen: Vec<_> = objects(&observed).filter(|id| selection.includes(id)).collect();
    if let Some(missing) = selection.objects.iter().find(|id| !chosen.contains(id)) {
        return Err(Failure::new(Exit::Failed, format!("{missing} does not exist")).into());
    }
    match args.output {
        Format::Name => chosen.iter().for_each(|id| outln!("{id}")),
        Format::Json | Format::Yaml => {
            let items: Vec<_> =
                chosen.iter().map(|id| super::describe::document(&app, &observed, id)).collect();
            match (items.as_slice(), selection.objects.len()) {
                ([one], 1) => print_data(args.output, one)?,
                _ => print_data(
                    args.output,
                    &serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}),
                )?,
            };
        }
        Format::Table | Format::Wide => {
            tables(&app, &observed, &chosen, args.output == Format::Wide);
        }
    }
    Ok(Exit::Done)
}

/// Everything that exists.
pub fn objects(observed: &Observed) -> impl Iterator<Item = ObjectId> + '_ {
    let instances = observed.instances.keys().map(ObjectId::instance);
    instances
        .chain(observed.disks.keys().map(ObjectId::disk))
        .chain(observed.networks.keys().map(ObjectId::network))
}

fn tables(app: &App, observed: &Observed, chosen: &[ObjectId], wide: bool) {
    let mut texts = Vec::new();
    for (kind, table) in [
        (Kind::Instance, instances(app, observed, chosen, wide)),
        (Kind::Disk, disks(observed, chosen)),
        (Kind::Network, networks(observed, chosen)),
    ] {
        if chosen.iter().any(|id| id.kind == kind) {
            texts.push(table.render());
        }
    }
    if texts.is_empty() {
        errln!("nothing yet; make something with `limekiln apply -f FILE`");
    }
    out!("{}", texts.join("\n"));
}

fn of_kind(chosen: &[ObjectId], kind: Kind) -> impl Iterator<Item = &Name> {
    chosen.iter().filter(move |id| id.kind == kind).map(|id| &id.name)
}

fn managed(observed: &Observed, id: &ObjectId) -> String {
    if observed.owners.contains_key(id) { "yes" } else { "no" }.to_owned()
}

fn instances(app: &App, observed: &Observed, chosen: &[ObjectId], wide: bool) -> Table {
    let mut table = match wide {
        true => Table::new(&[
            "INSTANCE", "PHASE", "SSH", "CPUS", "MEMORY", "DISK", "MANAGED", "ACCEL", "DIR",
        ]),
        false => Table::new(&["INSTANCE", "PHASE", "SSH", "CPUS", "MEMORY", "DISK", "MANAGED"]),
    };
    for name in of_kind(chosen, Kind::Instance) {
        let Some(instance) = observed.instances.get(name) else { continue };
        let mut row = vec![name.to_string(), instance.phase.word().to_owned()];
        row.extend(sizes(instance));
        row.push(managed(observed, &ObjectId::instance(name)));
        if wide {
            row.push(
                instance
                    .accelerator
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |accelerator| accelerator.name.clone()),
            );
            row.push(app.short_path(&instance.dir));
        }
        table.row(row);
    }
    table
}

fn sizes(instance: &ObservedInstance) -> [String; 4] {
    let config = instance.config.as_ref();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        or_dash(instance.ssh_port.map(|port| port.to_string())),
        or_dash(config.and_then(|config| config.cpus).map(|cpus| cpus.to_string())),
        or_dash(config.and_then(|config| config.memory).map(|size| size.to_string())),
        or_dash(instance.disk_bytes.map(|bytes| limekiln_api::ByteSize(bytes).to_string())),
    ]
}

fn disks(observed: &Observed, chosen: &[ObjectId]) -> Table {
    let mut table = Table::new(&["DISK", "SIZE", "FORMAT", "USED BY", "MANAGED"]);
    for name in of_kind(chosen, Kind::Disk) {
        let Some(disk) = observed.disks.get(name) else { continue };
        table.row(vec![
            name.to_string(),
            limekiln_api::ByteSize(disk.size).to_string(),
            disk.format.word().to_owned(),
            disk.in_use_by.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            managed(observed, &ObjectId::disk(name)),
        ]);
    }
    table
}

fn networks(observed: &Observed, chosen: &[ObjectId]) -> Table {
    let mut table = Table::new(&["NETWORK", "PHASE", "GATEWAY", "MANAGED"]);
    for name in of_kind(chosen, Kind::Network) {
        let Some(network) = observed.networks.get(name) else { continue };
        table.row(vec![
            name.to_string(),
            format!("{:?}", network.phase),
            network.spec.gateway.map_or_else(|| "-".to_owned(), |gateway| gateway.to_string()),
            managed(observed, &ObjectId::network(name)),
        ]);
    }
    table
}

fn deleted(observed: &Observed, selection: &Selection, format: Format) -> anyhow::Result<Exit> {
    let parked: Vec<_> =
        observed.parked.iter().filter(|parked| selection.includes(&parked.id)).collect();
    let items: Vec<_> = parked.iter().map(|parked| serde_json::json!({"object": parked.id, "key": parked.key, "since": parked.since})).collect();
    if print_data(format, &items)? {
        return Ok(Exit::Done);
    }
    if parked.is_empty() {
        errln!("nothing was deleted that could be brought back");
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["OBJECT", "DELETED", "KEY"]);
    let now = jiff::Timestamp::now();
    for parked in parked {
        let since = jiff::Timestamp::from_second(parked.since).unwrap_or(now);
        table.row(vec![
            parked.id.to_string(),
            format!("{} ago", crate::output::time::age(since, now)),
            parked.key.clone(),
        ]);
    }
    out!("{}", table.render());
    outln!("next: limekiln undelete NAME");
    Ok(Exit::Done)
}

/// Whether the object exists, whoever made it.
pub fn exists(observed: &Observed, id: &ObjectId) -> bool {
    match id.kind {
        Kind::Instance => observed.instances.contains_key(&id.name),
        Kind::Disk => observed.disks.contains_key(&id.name),
        Kind::Network => observed.networks.contains_key(&id.name),
    }
}
