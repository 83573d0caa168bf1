//! `limekiln describe`

use std::collections::BTreeMap;

use clap::Args;
use limekiln_api::{ByteSize, ConditionStatus, Status};
use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_server::convert::to_status;
use serde_json::{Value, json};
use wire::object::Details;

use super::history::short;
use crate::compose::App;
use crate::control::Control;
use crate::exit::{Exit, Failure};
use crate::output::fold::{fold, width};
use crate::output::style::{BOLD, DIM, Styled, of_word};
use crate::output::why;
use crate::output::words::count;
use crate::refs::{Selection, objects};

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
    let control = Control::open(&app);
    let ids = objects(&args.what)?;
    let all = control.objects(&Selection::of(&ids), false)?;
    for (index, id) in ids.iter().enumerate() {
        let Some(object) = all.get(id) else {
            return Err(Failure::new(Exit::Failed, format!("{id} does not exist")).into());
        };
        if index > 0 {
            outln!();
        }
        describe(&app, &control, id, object)?;
    }
    Ok(Exit::Done)
}

fn describe(
    app: &App,
    control: &Control<'_>,
    id: &ObjectId,
    object: &wire::Object,
) -> anyhow::Result<()> {
    let status = to_status(object);
    outln!("{}", Styled(BOLD, &id.to_string()));
    let phase = status.phase.iter();
    let mut rows: Vec<(String, String)> = phase
        .map(|phase| ("phase".to_owned(), Styled(of_word(phase), phase).to_string()))
        .collect();
    rows.extend(
        facts(app, id, object, &status).into_iter().map(|(name, value)| (name.to_owned(), value)),
    );
    rows.extend(conditions(&status));
    rows.extend(why::lines(object).into_iter().map(|line| ("why".to_owned(), line)));
    let column = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let terminal = width();
    for (name, value) in rows {
        outln!("{}", fold(&format!("  {name:column$}  {value}"), column + 4, terminal));
    }
    let newest = control.events(&Selection::of(std::slice::from_ref(id)), "", EVENTS)?;
    if !newest.is_empty() {
        outln!("\n{}", super::events::table(&newest).render().trim_end());
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

fn facts(
    app: &App,
    id: &ObjectId,
    object: &wire::Object,
    status: &Status,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    match &object.details {
        Some(Details::Instance(instance)) => facts.extend(of_instance(app, id, instance)),
        Some(Details::Disk(disk)) => {
            facts.push(("size", ByteSize(disk.size).to_string()));
            facts.push(("format", disk.format.clone()));
            let user = if disk.in_use_by.is_empty() { "nobody" } else { &disk.in_use_by };
            facts.push(("used by", user.to_owned()));
        }
        Some(Details::Network(network)) => facts.extend(of_network(network)),
        None => {}
    }
    let owner = match &object.owner {
        Some(owner) => {
            let place = format!("by {}:{}", app.short_path(owner.file.as_ref()), owner.line);
            match status.observed_revision.as_deref().map(short) {
                Some(revision) => format!("{place}, as of revision {revision}"),
                None => place,
            }
        }
        None if object.exists => "no; limekiln did not make it".to_owned(),
        None => "not made yet".to_owned(),
    };
    facts.push(("managed", owner));
    facts
}

fn of_instance(app: &App, id: &ObjectId, instance: &wire::Instance) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    facts.extend(instance.errors.iter().map(|error| ("error", error.clone())));
    let waits = Some(instance.waiting_for.clone()).filter(|what| !what.is_empty());
    facts.extend(waits.map(|what| ("waits for", what)));
    if !instance.vm_type.is_empty() || instance.cpus.is_some() {
        let size = |bytes: Option<u64>| bytes.map(|b| ByteSize(b).to_string()).unwrap_or_default();
        facts.push((
            "machine",
            format!(
                "{} {}, {}, {} memory, {} disk",
                instance.vm_type,
                instance.arch,
                count(instance.cpus.map_or(0, |cpus| cpus as usize), "CPU"),
                size(instance.memory),
                size(instance.disk),
            ),
        ));
    }
    if let Some(accelerator) = &instance.accelerator {
        let why = match accelerator.fallback.as_str() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        facts.push(("accelerator", format!("{}{why}", accelerator.name)));
    }
    facts.extend(instance.vnc.iter().map(|server| ("display", of_vnc(app, server))));
    facts.extend(instance.mounts.iter().map(|mount| ("mount", of_mount(app, mount))));
    facts.extend(instance.disk_faults.iter().map(|fault| ("disk", of_disk_fault(fault))));
    facts.extend(of_steps(&instance.provision).into_iter().map(|steps| ("provision", steps)));
    facts.extend(instance.network_cards.iter().map(|card| ("network", of_card(card))));
    if let Some(port) = instance.ssh_local_port {
        facts.push(("ssh", format!("127.0.0.1:{port}; limekiln shell {}", id.name)));
    }
    facts.push(("directory", app.short_path(instance.directory.as_ref())));
    facts
}

/// Programs want the display or the port, which is 5900 more.
fn of_vnc(app: &App, server: &wire::VncServer) -> String {
    let number = server.display.rsplit_once(':').and_then(|(_, last)| last.parse::<u16>().ok());
    let port = number.map(|number| format!(" (port {})", u32::from(number) + 5900));
    let password = app.short_path(server.password_file.as_ref());
    format!("VNC at {}{}, password in {password}", server.display, port.unwrap_or_default())
}

fn of_network(network: &wire::Network) -> Vec<(&'static str, String)> {
    let all =
        [("mode", &network.mode), ("gateway", &network.gateway), ("interface", &network.interface)];
    let some = all.into_iter().filter(|(_, text)| !text.is_empty());
    let mut facts: Vec<_> = some.map(|(name, text)| (name, text.clone())).collect();
    if network.mtu != 0 {
        facts.push(("MTU", network.mtu.to_string()));
    }
    facts.extend(network.allow.iter().map(|net| ("guests may reach", net.clone())));
    let hosts: BTreeMap<_, _> = network.hosts.iter().collect();
    facts.extend(hosts.into_iter().map(|(name, target)| ("host", format!("{name} is {target}"))));
    facts
}

/// Which card is where, and with which address.
fn of_card(card: &wire::NetworkCard) -> String {
    let place = match card.network.as_str() {
        "" => String::new(),
        network => format!(" on network/{network}"),
    };
    let state = match (card.fault.as_str(), card.address.as_str()) {
        ("", "") => ", address not known".to_owned(),
        ("", address) => format!(": {address}"),
        (fault, _) => format!(": not there: {fault}"),
    };
    format!("{}{place}{state}", card.interface)
}

/// What is left to be done with a disk.
fn of_disk_fault(fault: &wire::DiskFault) -> String {
    match fault.disk.as_str() {
        "" => format!("the instance's own: {}", fault.why),
        disk => format!("disk/{disk}: {}", fault.why),
    }
}

/// One line for all steps that succeeded, and one for each other.
fn of_steps(steps: &[wire::ProvisionStep]) -> Vec<String> {
    let done: Vec<_> = steps.iter().filter(|step| step.exit_code == Some(0)).collect();
    let mut lines = Vec::new();
    if !done.is_empty() {
        let last = done.iter().filter_map(|step| step.at).max();
        lines.push(format!("{} done, the last {}", count(done.len(), "step"), clock(last)));
    }
    lines.extend(steps.iter().filter_map(|step| match step.exit_code {
        Some(0) if step.changed => {
            Some(format!("{}: its file was changed in the guest", step.name))
        }
        Some(0) => None,
        Some(code) => Some(format!("{} ended with {code} {}", step.name, clock(step.at))),
        None => Some(format!("{} has not run in this boot", step.name)),
    }));
    lines
}

/// By the guest's clock.
fn clock(seconds: Option<i64>) -> String {
    let at = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map_or_else(|| "at an unknown time".to_owned(), |at| format!("at {at}"))
}

/// What is where, how, and whether it is there.
fn of_mount(app: &App, mount: &wire::Mount) -> String {
    let access = if mount.writable { "read and write" } else { "read only" };
    let state = match (mount.mounted, mount.fault.as_str()) {
        (true, _) => "mounted".to_owned(),
        (false, "") => "not mounted".to_owned(),
        (false, fault) => format!("not mounted: {fault}"),
    };
    let location = app.short_path(mount.location.as_ref());
    format!("{location} at {}, {}, {access}: {state}", mount.mount_point, mount.r#type)
}

/// The object as a manifest with its status, for `get -o yaml`.
pub fn document(id: &ObjectId, object: &wire::Object) -> Value {
    let spec: Value = serde_json::from_str(&object.spec_json).unwrap_or_default();
    json!({
        "apiVersion": limekiln_api::API_VERSION,
        "kind": id.kind,
        "metadata": {"name": id.name},
        "spec": spec,
        "status": to_status(object),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_need_somebody_stand_out() {
        let step = |name: &str, exit_code, at| wire::ProvisionStep {
            name: name.to_owned(),
            exit_code,
            at,
            changed: name == "c",
        };
        let steps = [
            step("a", Some(0), Some(1_700_000_000)),
            step("b", Some(7), Some(1_700_000_001)),
            step("c", Some(0), Some(1_700_000_002)),
            step("d", None, None),
        ];
        let lines = [
            "2 steps done, the last at 2023-11-14T22:13:22Z",
            "b ended with 7 at 2023-11-14T22:13:21Z",
            "c: its file was changed in the guest",
            "d has not run in this boot",
        ];
        assert_eq!(of_steps(&steps), lines);
        assert_eq!(of_steps(&[]), [""; 0]);
    }

    #[test]
    fn a_disk_fault_names_its_disk() {
        let fault =
            |disk: &str| wire::DiskFault { disk: disk.to_owned(), why: "it is full".into() };
        assert_eq!(of_disk_fault(&fault("data")), "disk/data: it is full");
        assert_eq!(of_disk_fault(&fault("")), "the instance's own: it is full");
    }
}
