//! Defaults of disks, provisioning steps and probes.

use crate::Lima;
use crate::lima::{Os, Probe, ProbeMode, Provision, ProvisionMode};

/// Fills in the items.
pub(super) fn fill(lima: &mut Lima) {
    let os = lima.os.unwrap_or_default();
    for disk in lima.additional_disks.iter_mut().flatten() {
        disk.format.get_or_insert(true);
    }
    lima.provision.iter_mut().flatten().for_each(|step| fill_step(step, os));
    let probes = lima.probes.as_ref().map_or(0, Vec::len);
    for (index, probe) in lima.probes.iter_mut().flatten().enumerate() {
        fill_probe(probe, index + 1, probes);
    }
    for copy in lima.copy_to_host.iter_mut().flatten() {
        copy.skip_if_missing.get_or_insert(false);
        copy.delete_on_stop.get_or_insert(false);
    }
}

fn fill_step(step: &mut Provision, os: Os) {
    let mode = *step.mode.get_or_insert(ProvisionMode::System);
    if matches!(mode, ProvisionMode::Data | ProvisionMode::Yq) {
        let group = if matches!(os, Os::Darwin | Os::FreeBsd) { "root:wheel" } else { "root:root" };
        step.owner.get_or_insert_with(|| group.into());
        step.permissions.get_or_insert_with(|| "644".into());
    }
    match mode {
        ProvisionMode::Data => {
            // Where the content is in a file it is not known yet.
            if step.file.is_none() {
                step.content.get_or_insert_default();
            }
            step.overwrite.get_or_insert(true);
        }
        ProvisionMode::Yq => {
            step.format.get_or_insert_with(|| "auto".to_owned());
        }
        ProvisionMode::Dependency => {
            step.skip_default_dependency_resolution.get_or_insert(false);
        }
        _ => {}
    }
}

fn fill_probe(probe: &mut Probe, number: usize, of: usize) {
    probe.mode.get_or_insert(ProbeMode::Readiness);
    if probe.description.as_ref().is_none_or(String::is_empty) {
        probe.description = Some(format!("user probe {number}/{of}"));
    }
}
