//! `limekiln get [KIND [NAME…]]`

use clap::Args;
use limekiln_api::ByteSize;
use limekiln_model::{Kind, ObjectId, Observed};
use limekiln_proto::v1alpha1 as wire;
use wire::object::Details;

use crate::compose::App;
use crate::control::{Control, Objects};
use crate::exit::{Exit, Failure};
use crate::output::format::{Format, print_data};
use crate::output::table::Table;
use crate::output::why;
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

/// Prints what exists, and what a controller that runs is about to make.
///
/// # Errors
/// If the home cannot be read, or a named object does not exist.
pub fn run(args: &GetArgs) -> anyhow::Result<Exit> {
    let selection = selection(&args.what)?;
    let app = App::open()?;
    if args.deleted {
        return deleted(&app.observe()?, &selection, args.output);
    }
    let data = matches!(args.output, Format::Json | Format::Yaml);
    let mut objects = Control::open(&app).objects(&selection, data)?;
    if selection.objects.is_empty() && selection.kinds.len() > 1 {
        objects.retain(|id, object| !is_idle(id, object));
    }
    if let Some(missing) = selection.objects.iter().find(|id| !objects.contains_key(id)) {
        return Err(Failure::new(Exit::Failed, format!("{missing} does not exist")).into());
    }
    match args.output {
        Format::Name => objects.keys().for_each(|id| outln!("{id}")),
        Format::Json | Format::Yaml => {
            let items: Vec<_> =
                objects.iter().map(|(id, one)| super::describe::document(id, one)).collect();
            match (items.as_slice(), selection.objects.len()) {
                ([one], 1) => print_data(args.output, one)?,
                _ => print_data(
                    args.output,
                    &serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}),
                )?,
            };
        }
        Format::Table => tables(&app, &objects, false),
        Format::Wide => tables(&app, &objects, true),
    }
    Ok(Exit::Done)
}

/// Networks that Lima has by itself and that nobody uses say nothing to who asks for everything.
fn is_idle(id: &ObjectId, object: &wire::Object) -> bool {
    id.kind == Kind::Network && managed(object) == "no" && phase(object) == "Stopped"
}

fn tables(app: &App, objects: &Objects, wide: bool) {
    let mut texts = Vec::new();
    for (kind, table) in [
        (Kind::Instance, instances(app, objects, wide)),
        (Kind::Disk, disks(objects, wide)),
        (Kind::Network, networks(objects, wide)),
    ] {
        if objects.keys().any(|id| id.kind == kind) {
            texts.push(table.render());
        }
    }
    if texts.is_empty() {
        errln!("nothing yet; make something with `limekiln apply -f FILE`");
    }
    out!("{}", texts.join("\n"));
}

fn of_kind(objects: &Objects, kind: Kind) -> impl Iterator<Item = (&ObjectId, &wire::Object)> {
    objects.iter().filter(move |(id, _)| id.kind == kind)
}

/// A table whose last column tells why objects are not where they should be, if any is not and
/// somebody knows.
fn table(objects: &Objects, kind: Kind, columns: &[&'static str], wide: bool) -> (Table, bool) {
    let told = wide && of_kind(objects, kind).any(|(_, object)| !why::lines(object).is_empty());
    let last: &[&'static str] = if told { &["WAITS"] } else { &[] };
    (Table::new(&[columns, last].concat()), told)
}

fn phase(object: &wire::Object) -> String {
    object.status.as_ref().map(|status| status.phase.clone()).unwrap_or_default()
}

/// What is only wanted is managed, too: a manifest has it.
fn managed(object: &wire::Object) -> String {
    let managed = object.owner.is_some() || !object.exists;
    if managed { "yes" } else { "no" }.to_owned()
}

fn instances(app: &App, objects: &Objects, wide: bool) -> Table {
    let mut columns = vec!["INSTANCE", "PHASE", "SSH", "CPUS", "MEMORY", "DISK", "MANAGED"];
    columns.extend(wide.then_some(["ACCEL", "MOUNTS", "ADDRESSES", "DIR"]).into_iter().flatten());
    let (mut table, told) = table(objects, Kind::Instance, &columns, wide);
    for (id, object) in of_kind(objects, Kind::Instance) {
        let instance = match &object.details {
            Some(Details::Instance(instance)) => Some(instance),
            _ => None,
        };
        let mut row = vec![id.name.to_string(), phase(object)];
        row.extend(sizes(instance));
        row.push(managed(object));
        if wide {
            let accelerator = instance.and_then(|instance| instance.accelerator.as_ref());
            row.push(or_dash(accelerator.map(|accelerator| accelerator.name.clone())));
            row.push(or_dash(instance.and_then(mounts)));
            row.push(or_dash(instance.and_then(addresses)));
            row.push(or_dash(instance.map(|one| app.short_path(one.directory.as_ref()))));
        }
        row.extend(told.then(|| why::lines(object).join("; ")));
        table.row(row);
    }
    table
}

/// How many of its host directories a guest has: `2`, or `1 of 2`.
fn mounts(instance: &wire::Instance) -> Option<String> {
    let wanted = instance.mounts.len();
    let mounted = instance.mounts.iter().filter(|mount| mount.mounted).count();
    match (mounted, wanted) {
        (_, 0) => None,
        _ if mounted == wanted => Some(wanted.to_string()),
        _ => Some(format!("{mounted} of {wanted}")),
    }
}

/// The guest's addresses; that on QEMU's own network, which every guest has, is of use to nobody.
fn addresses(instance: &wire::Instance) -> Option<String> {
    let cards = instance.network_cards.iter().filter(|card| !card.network.is_empty());
    let addresses = cards.map(|card| card.address.clone()).filter(|it| !it.is_empty());
    Some(addresses.collect::<Vec<_>>().join(",")).filter(|text| !text.is_empty())
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn sizes(instance: Option<&wire::Instance>) -> [String; 4] {
    let size = |bytes: Option<u64>| or_dash(bytes.map(|bytes| ByteSize(bytes).to_string()));
    let number = |number: Option<u32>| or_dash(number.map(|number| number.to_string()));
    [
        number(instance.and_then(|instance| instance.ssh_local_port)),
        number(instance.and_then(|instance| instance.cpus)),
        size(instance.and_then(|instance| instance.memory)),
        size(instance.and_then(|instance| instance.disk)),
    ]
}

fn disks(objects: &Objects, wide: bool) -> Table {
    let columns = ["DISK", "SIZE", "FORMAT", "USED BY", "MANAGED"];
    let (mut table, told) = table(objects, Kind::Disk, &columns, wide);
    for (id, object) in of_kind(objects, Kind::Disk) {
        let disk = match &object.details {
            Some(Details::Disk(disk)) => Some(disk),
            _ => None,
        };
        let user = disk.map(|disk| disk.in_use_by.clone()).filter(|user| !user.is_empty());
        let mut row = vec![
            id.name.to_string(),
            or_dash(disk.map(|disk| ByteSize(disk.size).to_string())),
            or_dash(disk.map(|disk| disk.format.clone())),
            or_dash(user),
            managed(object),
        ];
        row.extend(told.then(|| why::lines(object).join("; ")));
        table.row(row);
    }
    table
}

fn networks(objects: &Objects, wide: bool) -> Table {
    let columns = ["NETWORK", "PHASE", "MODE", "GATEWAY", "MANAGED"];
    let (mut table, told) = table(objects, Kind::Network, &columns, wide);
    for (id, object) in of_kind(objects, Kind::Network) {
        let network = match &object.details {
            Some(Details::Network(network)) => Some(network),
            _ => None,
        };
        let text = |get: fn(&wire::Network) -> &String| {
            or_dash(network.map(get).filter(|text| !text.is_empty()).cloned())
        };
        let (mode, gateway) = (text(|network| &network.mode), text(|network| &network.gateway));
        let mut row = vec![id.name.to_string(), phase(object), mode, gateway, managed(object)];
        row.extend(told.then(|| why::lines(object).join("; ")));
        table.row(row);
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
