//! `limekiln describe`

use clap::Args;
use limekiln_api::{ByteSize, ConditionStatus, Status};
use limekiln_model::{InstancePhase, Kind, ObjectId, Observed, ObservedInstance};
use serde_json::{Value, json};

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::fold::{fold, width};
use crate::output::style::{BOLD, DIM, Styled, of_word};
use crate::output::words::count;
use crate::refs::objects;

/// The newest events that are shown.
const EVENTS: usize = 8;

/// Show all about objects.
#[derive(Args)]
pub struct DescribeArgs {
    /// NAME of an instance, KIND/NAME, or KIND and names
    #[arg(required = true)]
    what: Vec<String>,
}

/// Prints each object.
///
/// # Errors
/// If an object does not exist or the home cannot be read.
pub fn run(args: &DescribeArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let observed = app.observe()?;
    for (index, id) in objects(&args.what)?.iter().enumerate() {
        if !super::get::exists(&observed, id) {
            return Err(Failure::new(Exit::Failed, format!("{id} does not exist")).into());
        }
        if index > 0 {
            outln!();
        }
        describe(&app, &observed, id)?;
    }
    Ok(Exit::Done)
}

fn describe(app: &App, observed: &Observed, id: &ObjectId) -> anyhow::Result<()> {
    let status = app.reconciler.status(id, observed, None).map_err(told)?;
    outln!("{}", Styled(BOLD, &id.to_string()));
    let phase = status.phase.iter();
    let mut rows: Vec<(String, String)> = phase
        .map(|phase| ("phase".to_owned(), Styled(of_word(phase), phase).to_string()))
        .collect();
    rows.extend(facts(app, observed, id).into_iter().map(|(name, value)| (name.to_owned(), value)));
    rows.extend(conditions(&status));
    let column = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let terminal = width();
    for (name, value) in rows {
        outln!("{}", fold(&format!("  {name:column$}  {value}"), column + 4, terminal));
    }
    let records: Vec<_> = app
        .reconciler
        .journal()
        .read()?
        .into_iter()
        .filter(|record| record.object == *id)
        .collect();
    let newest = &records[records.len().saturating_sub(EVENTS)..];
    if !newest.is_empty() {
        outln!("\n{}", super::events::table(newest).render().trim_end());
    }
    Ok(())
}

fn conditions(status: &Status) -> impl Iterator<Item = (String, String)> {
    status.conditions.iter().map(|condition| {
        let word = match condition.status {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        };
        let text =
            if condition.message.is_empty() { &condition.reason } else { &condition.message };
        (condition.type_.clone(), format!("{word}  {}", Styled(DIM, text)))
    })
}

fn facts(app: &App, observed: &Observed, id: &ObjectId) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    match id.kind {
        Kind::Instance => facts.extend(
            observed
                .instances
                .get(&id.name)
                .into_iter()
                .flat_map(|instance| of_instance(app, id, instance)),
        ),
        Kind::Disk => {
            if let Some(disk) = observed.disks.get(&id.name) {
                facts.push(("size", ByteSize(disk.size).to_string()));
                facts.push(("format", disk.format.word().to_owned()));
                facts.push((
                    "used by",
                    disk.in_use_by
                        .as_ref()
                        .map_or_else(|| "nobody".to_owned(), ToString::to_string),
                ));
            }
        }
        Kind::Network => {}
    }
    let owner = observed.owners.get(id).map_or_else(
        || "no; limekiln did not make it".to_owned(),
        |owner| format!("by {}:{}", app.short_path(&owner.origin.file), owner.origin.line),
    );
    facts.push(("managed", owner));
    facts
}

fn of_instance(
    app: &App,
    id: &ObjectId,
    instance: &ObservedInstance,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let errors = match &instance.phase {
        InstancePhase::Degraded { errors } => errors.clone(),
        InstancePhase::Broken { why } => vec![why.clone()],
        _ => Vec::new(),
    };
    facts.extend(errors.into_iter().map(|error| ("error", error)));
    facts.extend(instance.waiting_for.clone().map(|what| ("waits for", what)));
    if let Some(config) = &instance.config {
        let size = |size: Option<ByteSize>| size.map(|size| size.to_string()).unwrap_or_default();
        facts.push((
            "machine",
            format!(
                "{} {}, {}, {} memory, {} disk",
                config.vm_type.as_deref().unwrap_or_default(),
                config.arch.map(|arch| arch.to_string()).unwrap_or_default(),
                count(config.cpus.map_or(0, |cpus| usize::try_from(cpus.0).unwrap_or(0)), "CPU"),
                size(config.memory),
                size(instance.disk_bytes.map(ByteSize)),
            ),
        ));
    }
    if let Some(accelerator) = &instance.accelerator {
        let why = accelerator.fallback.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        facts.push(("accelerator", format!("{}{why}", accelerator.name)));
    }
    if let Some(port) = instance.ssh_port {
        facts.push(("ssh", format!("127.0.0.1:{port}; limekiln shell {}", id.name)));
    }
    facts.push(("directory", app.short_path(&instance.dir)));
    facts
}

/// The object as a manifest with its status, for `get -o yaml`.
pub fn document(app: &App, observed: &Observed, id: &ObjectId) -> Value {
    let spec = match id.kind {
        Kind::Instance => {
            json!({"template": observed.instances.get(&id.name).and_then(|instance| instance.config.as_ref())})
        }
        Kind::Disk => observed
            .disks
            .get(&id.name)
            .map(|disk| json!({"size": ByteSize(disk.size), "format": disk.format}))
            .unwrap_or_default(),
        Kind::Network => json!(observed.networks.get(&id.name).map(|network| &network.spec)),
    };
    let status = app.reconciler.status(id, observed, None).unwrap_or_default();
    json!({
        "apiVersion": limekiln_api::API_VERSION,
        "kind": id.kind,
        "metadata": {"name": id.name},
        "spec": spec,
        "status": status,
    })
}
