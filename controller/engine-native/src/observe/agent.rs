//! What a running instance's host agent says.

use std::path::Path;

use limekiln_api::Lima;
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{
    AgentStatus, Client, ClientError, DiskStatus, MountState, MountStatus, NetworkStatus, Phase,
    StepStatus,
};
use limekiln_hostagent::events::EventReader;
use limekiln_hostagent::spec::{StepKind, steps};
use limekiln_model::{
    Accelerator, DiskFault, InstancePhase, LiveDisks, MountFault, Mounted, Name, ObservedInstance,
    ObservedNic, ObservedStep, VncServer,
};

use super::process::driver_pid;

/// Why an older host agent's disks do not change. It is also so for the moment before a host agent
/// has looked at them.
const OLD: &str = "its host agent does not change disks of a running VM";
/// The same of Lima's.
const LIMAS: &str = "Lima's host agent runs it, and changes no disks of a running VM";

/// What came of asking a host agent.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Ours.
    Status(Box<AgentStatus>),
    /// Lima's tells its port, and has no route for the rest.
    Lima {
        /// The port.
        ssh_port: Option<u16>,
    },
    /// It has its pid file, and not yet its socket.
    Starting,
    /// It did not answer, and why.
    Silent(String),
}

/// Asks a host agent; ends within the client's own deadline.
pub(super) async fn ask(client: &Client) -> Answer {
    match client.status().await {
        Ok(status) => Answer::Status(status.into()),
        Err(ClientError::Refused(_)) => {
            let port = client.info().await.map_or(0, |info| info.ssh_local_port);
            Answer::Lima { ssh_port: Some(port).filter(|port| *port != 0) }
        }
        Err(ClientError::Connect { .. }) => Answer::Starting,
        Err(error) => Answer::Silent(error.to_string()),
    }
}

impl Answer {
    /// Fills in what only the host agent knows.
    pub(super) fn fill(self, instance: &mut ObservedInstance) {
        instance.vnc = vnc(instance.config.as_deref(), &instance.dir);
        match self {
            Self::Status(status) => from_status(instance, *status),
            Self::Lima { ssh_port } => {
                instance.ssh_port = ssh_port;
                instance.live_disks.fixed = Some(LIMAS.to_owned());
                // Lima's tells nothing of mounts, and sees to them itself.
                let config = instance.config.iter();
                let mounts = config.flat_map(|config| config.mounts.iter().flatten());
                let points = mounts.map(|mount| mount.mount_point().to_owned());
                instance.mounts = points.map(|mount_point| Mounted { mount_point }).collect();
                instance.phase = lima_phase(&InstanceFiles::new(&instance.dir));
                if instance.phase == InstancePhase::Booting {
                    instance.waiting_for = Some("its guest, which Lima started".to_owned());
                }
            }
            Self::Starting => instance.waiting_for = Some("its host agent to start".to_owned()),
            Self::Silent(error) => {
                let runs = if driver_pid(&instance.dir).is_some() {
                    "its VM runs"
                } else {
                    "its VM does not run"
                };
                let why = format!("its host agent does not answer ({error}), and {runs}");
                instance.phase = InstancePhase::Broken { why };
            }
        }
    }
}

fn from_status(instance: &mut ObservedInstance, status: AgentStatus) {
    instance.phase = agent_phase(&status);
    instance.waiting_for = status.held.or(status.waiting_for);
    instance.ssh_port = Some(status.ssh_local_port).filter(|port| *port != 0);
    let (mounted, missing): (Vec<_>, Vec<_>) =
        status.mounts.into_iter().partition(|mount| mount.state == MountState::Mounted);
    let point = |mount: MountStatus| Mounted { mount_point: mount.mount_point };
    instance.mounts = mounted.into_iter().map(point).collect();
    instance.mount_faults = missing.into_iter().filter_map(fault).collect();
    instance.nics = status.networks.into_iter().map(nic).collect();
    instance.live_disks = LiveDisks {
        fixed: status.free_disk_places.is_none().then(|| OLD.to_owned()),
        free: status.free_disk_places,
        faults: status.disks.into_iter().filter_map(disk_fault).collect(),
    };
    let steps = status.steps.zip(instance.config.as_deref());
    instance.steps = steps.map(|(told, config)| observed_steps(&told, config)).unwrap_or_default();
    instance.accelerator = status.accelerator.map(|accelerator| Accelerator {
        name: accelerator.word().to_owned(),
        fallback: status.fallback_reason,
    });
}

/// By the files that Lima's host agent writes, too.
fn vnc(config: Option<&Lima>, dir: &Path) -> Option<VncServer> {
    let display = config?.video.as_ref()?.display.as_deref()?;
    if !display.starts_with("vnc") {
        return None;
    }
    let files = InstanceFiles::new(dir);
    let display = std::fs::read_to_string(files.vnc_display()).ok()?.trim().to_owned();
    Some(VncServer { display, password_file: files.vnc_password() })
}

fn nic(status: NetworkStatus) -> ObservedNic {
    let NetworkStatus { interface, network, address, reason, mac: _ } = status;
    ObservedNic { interface, network, address, fault: reason }
}

/// The configuration's steps, each with what the guest tells of it.
fn observed_steps(told: &[StepStatus], config: &Lima) -> Vec<ObservedStep> {
    let Ok(steps) = steps(config) else { return Vec::new() };
    let steps = steps.iter().enumerate().filter(|(_, step)| step.kind != StepKind::Boot);
    let observed = steps.map(|(index, step)| {
        let digest = step.digest();
        let outcome = told.iter().find(|one| one.digest == digest);
        let (exit_code, at) = outcome.map(|one| (one.exit_code, one.at)).unzip();
        let changed = outcome.is_some_and(|one| one.changed);
        ObservedStep { name: step.name(index), exit_code, at, changed }
    });
    observed.collect()
}

/// What is left to be done with a disk.
fn disk_fault(disk: DiskStatus) -> Option<DiskFault> {
    let name = disk.name.map(Name::new).transpose().ok()?;
    Some(DiskFault { disk: name, why: disk.fault? })
}

/// Why a mount is not there; `None` for one that is still on its first way.
fn fault(mount: MountStatus) -> Option<MountFault> {
    Some(MountFault { why: mount.reason?, mount_point: mount.mount_point })
}

/// The same in the words of the model.
pub(crate) fn agent_phase(status: &AgentStatus) -> InstancePhase {
    let errors = || status.errors.iter().chain(&status.held).cloned().collect();
    match status.phase {
        Phase::Booting => InstancePhase::Booting,
        Phase::Running if status.held.is_none() => InstancePhase::Ready,
        Phase::Running | Phase::Degraded => InstancePhase::Degraded { errors: errors() },
        Phase::Stopping => InstancePhase::Stopping,
    }
}

/// Where an instance that Lima's agent runs is in its life, by the last event in its log.
pub(crate) fn lima_phase(files: &InstanceFiles) -> InstancePhase {
    let last = EventReader::new(&files.events()).poll().unwrap_or_default().pop();
    match last.map(|event| event.status) {
        Some(status) if status.exiting => InstancePhase::Stopping,
        Some(status) if status.degraded => InstancePhase::Degraded { errors: status.errors },
        Some(status) if status.running => InstancePhase::Ready,
        _ => InstancePhase::Booting,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_step_is_known_by_what_it_is() {
        let yaml = "provision: [{mode: boot, script: a}, {script: b}, {script: c}, {script: d}]";
        let lima = limekiln_api::read_lima(yaml).expect("YAML");
        let all = steps(&lima).expect("steps");
        let told = |index: usize, exit_code| StepStatus {
            digest: all[index].digest(),
            exit_code,
            at: 5,
            changed: false,
        };
        let observed = observed_steps(&[told(3, 0), told(1, 7)], &lima);
        let shown: Vec<_> = observed.iter().map(|one| (one.name.as_str(), one.exit_code)).collect();
        let wanted = [
            ("provision.system/00000001", Some(7)),
            ("provision.system/00000002", None),
            ("provision.system/00000003", Some(0)),
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_vnc_server_is_where_its_file_says() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = InstanceFiles::new(dir.path());
        let found = |yaml: &str| {
            let config = limekiln_api::read_lima(yaml).expect("YAML");
            vnc(Some(&config), dir.path())
        };
        assert_eq!(found("video: {display: vnc}"), None, "QEMU has not told yet");
        fs::write(files.vnc_display(), "127.0.0.1:3\n").expect("writable");
        let there = found("video: {display: vnc}").expect("it is there");
        assert_eq!(there.display, "127.0.0.1:3");
        assert_eq!(there.password_file, files.vnc_password());
        assert_eq!(found("video: {display: none}"), None, "left by an earlier one");
    }

    #[test]
    fn limas_log_tells_how_far_its_guest_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = InstanceFiles::new(dir.path());
        assert_eq!(lima_phase(&files), InstancePhase::Booting, "no log yet");
        let phase = |status: &str| {
            let line = format!("{{\"time\":\"2026-08-21T18:27:58Z\",\"status\":{{{status}}}}}\n");
            let before = fs::read_to_string(files.events()).unwrap_or_default();
            fs::write(files.events(), before + &line).expect("writable");
            lima_phase(&files)
        };
        assert_eq!(phase(r#""sshLocalPort":1"#), InstancePhase::Booting);
        assert_eq!(phase(r#""running":true"#), InstancePhase::Ready);
        let errors = vec!["a".to_owned()];
        let degraded = phase(r#""running":true,"degraded":true,"errors":["a"]"#);
        assert_eq!(degraded, InstancePhase::Degraded { errors });
        assert_eq!(phase(r#""exiting":true"#), InstancePhase::Stopping);
    }
}
