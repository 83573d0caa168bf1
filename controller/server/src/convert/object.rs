//! Objects.

use limekiln_api::ByteSize;
use limekiln_api::lima::Mount;
use limekiln_model::{
    Accelerator, DiskFault, InstancePhase, Kind, ObjectId, ObservedDisk, ObservedInstance,
    ObservedNetwork, ObservedNic, ObservedStep, Owner, VncServer,
};
use limekiln_proto::v1alpha1 as wire;
use serde_json::json;

use super::reference::object_ref;
use super::status::status;
use crate::view::View;

/// The object as it was seen, with what the controller makes of it. What is only wanted is
/// `Pending`.
pub(crate) fn object(view: &View, id: &ObjectId, include_spec: bool) -> wire::Object {
    let known = view.statuses.get(id);
    let mut status = status(known.cloned().unwrap_or_default());
    if known.is_none() {
        "Pending".clone_into(&mut status.phase);
        view.revision().clone_into(&mut status.observed_revision);
    }
    wire::Object {
        r#ref: Some(object_ref(id)),
        exists: known.is_some(),
        spec_json: if include_spec { spec(view, id) } else { String::new() },
        status: Some(status),
        owner: view.observed.owners.get(id).map(owner),
        reconciliation: view.reconciliation(id),
        details: details(view, id),
    }
}

fn details(view: &View, id: &ObjectId) -> Option<wire::object::Details> {
    use wire::object::Details;
    let (observed, name) = (&view.observed, &id.name);
    Some(match id.kind {
        Kind::Instance => Details::Instance(instance(observed.instances.get(name)?)),
        Kind::Disk => Details::Disk(disk(observed.disks.get(name)?)),
        Kind::Network => Details::Network(network(observed.networks.get(name)?)),
    })
}

fn owner(owner: &Owner) -> wire::Owner {
    wire::Owner {
        source: owner.origin.source.clone(),
        file: owner.origin.file.display().to_string(),
        line: owner.origin.line as u64,
    }
}

fn instance(instance: &ObservedInstance) -> wire::Instance {
    let config = instance.config.as_ref();
    wire::Instance {
        directory: instance.dir.display().to_string(),
        ssh_local_port: instance.ssh_port.map(u32::from),
        vm_type: config.and_then(|config| config.vm_type.clone()).unwrap_or_default(),
        arch: config.and_then(|config| config.arch).map(|a| a.to_string()).unwrap_or_default(),
        cpus: config
            .and_then(|config| config.cpus)
            .map(|cpus| u32::try_from(cpus.0).unwrap_or_default()),
        memory: config.and_then(|config| config.memory).map(|size| size.0),
        disk: instance.disk_bytes,
        waiting_for: instance.waiting_for.clone().unwrap_or_default(),
        errors: match &instance.phase {
            InstancePhase::Degraded { errors } => errors.clone(),
            InstancePhase::Broken { why } => vec![why.clone()],
            _ => Vec::new(),
        },
        accelerator: instance.accelerator.as_ref().map(accelerator),
        mounts: mounts(instance),
        network_cards: instance.nics.iter().map(card).collect(),
        provision: instance.steps.iter().map(step).collect(),
        disk_faults: instance.live_disks.faults.iter().map(disk_fault).collect(),
        vnc: instance.vnc.as_ref().map(vnc),
    }
}

fn vnc(server: &VncServer) -> wire::VncServer {
    wire::VncServer {
        display: server.display.clone(),
        password_file: server.password_file.display().to_string(),
    }
}

fn step(step: &ObservedStep) -> wire::ProvisionStep {
    wire::ProvisionStep {
        name: step.name.clone(),
        exit_code: step.exit_code,
        at: step.at,
        changed: step.changed,
    }
}

fn disk_fault(fault: &DiskFault) -> wire::DiskFault {
    wire::DiskFault {
        disk: fault.disk.as_ref().map(ToString::to_string).unwrap_or_default(),
        why: fault.why.clone(),
    }
}

fn card(nic: &ObservedNic) -> wire::NetworkCard {
    wire::NetworkCard {
        interface: nic.interface.clone(),
        network: nic.network.clone().unwrap_or_default(),
        address: nic.address.map(|address| address.to_string()).unwrap_or_default(),
        fault: nic.fault.clone().unwrap_or_default(),
    }
}

/// Those of the running VM, or of the configuration.
fn mounts(instance: &ObservedInstance) -> Vec<wire::Mount> {
    let booted = instance.booted.as_ref().filter(|_| instance.phase.is_running());
    let Some(config) = booted.or(instance.config.as_ref()) else { return Vec::new() };
    let kind = config.mount_type.map(|kind| kind.word().to_owned()).unwrap_or_default();
    let mount = |mount: &Mount| {
        let point = mount.mount_point();
        let mut faults = instance.mount_faults.iter();
        let fault = faults.find(|fault| fault.mount_point == point);
        wire::Mount {
            location: mount.location.clone(),
            mount_point: point.to_owned(),
            writable: mount.writable == Some(true),
            r#type: kind.clone(),
            mounted: instance.mounts.iter().any(|mounted| mounted.mount_point == point),
            fault: fault.map(|fault| fault.why.clone()).unwrap_or_default(),
        }
    };
    config.mounts.iter().flatten().map(mount).collect()
}

fn accelerator(accelerator: &Accelerator) -> wire::Accelerator {
    wire::Accelerator {
        name: accelerator.name.clone(),
        fallback: accelerator.fallback.clone().unwrap_or_default(),
    }
}

fn disk(disk: &ObservedDisk) -> wire::Disk {
    wire::Disk {
        size: disk.size,
        format: disk.format.word().to_owned(),
        in_use_by: disk.in_use_by.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

fn network(network: &ObservedNetwork) -> wire::Network {
    wire::Network {
        gateway: network.spec.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
        mode: network.spec.mode.word().to_owned(),
        interface: network.spec.interface.clone().unwrap_or_default(),
        mtu: network.spec.mtu.map(u32::from).unwrap_or_default(),
        allow: network.spec.allow.clone(),
        hosts: network.spec.hosts.clone().into_iter().collect(),
    }
}

/// What is stored, in the shape of a manifest's `spec`.
fn spec(view: &View, id: &ObjectId) -> String {
    let observed = &view.observed;
    let spec = match id.kind {
        Kind::Instance => {
            let instance = observed.instances.get(&id.name);
            instance.map(|instance| json!({"template": instance.config.as_ref()}))
        }
        Kind::Disk => observed
            .disks
            .get(&id.name)
            .map(|disk| json!({"size": ByteSize(disk.size), "format": disk.format})),
        Kind::Network => observed.networks.get(&id.name).map(|network| json!(network.spec)),
    };
    spec.map(|spec| spec.to_string()).unwrap_or_default()
}
