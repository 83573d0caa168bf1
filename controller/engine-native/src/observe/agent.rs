//! What a running instance's host agent says.

use std::fs;
use std::sync::Arc;

use limekiln_api::{HostFacts, fill_as, read_lima};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{AgentStatus, Client, ClientError, Phase};
use limekiln_hostagent::events::EventReader;
use limekiln_model::{Accelerator, InstancePhase, Name, ObservedInstance};

use super::process::driver_pid;
use crate::paths::Paths;

/// Fills in what only the host agent knows.
pub(super) async fn ask(
    paths: &Paths,
    facts: &HostFacts,
    name: &Name,
    instance: &mut ObservedInstance,
) {
    let files = InstanceFiles::new(paths.instance(name));
    let client = Client::new(files.file("ha.sock"));
    match client.status().await {
        Ok(status) => from_status(instance, status),
        // Lima's own agent has no such route.
        Err(ClientError::Refused(_)) => from_lima(instance, &files, &client).await,
        // It has its pid file, and not yet its socket.
        Err(ClientError::Connect { .. }) => {
            instance.waiting_for = Some("its host agent to start".to_owned());
        }
        Err(error) => {
            let runs = if driver_pid(files.dir()).is_some() {
                "its VM runs"
            } else {
                "its VM does not run"
            };
            let why = format!("its host agent does not answer ({error}), and {runs}");
            instance.phase = InstancePhase::Broken { why };
        }
    }
    let booted = files.read_booted().or_else(|| {
        let text = fs::read_to_string(files.booted_yaml()).ok()?;
        Some(fill_as(&read_lima(&text).ok()?, name, facts, &instance.creator))
    });
    instance.booted = booted.map(Arc::new);
}

fn from_status(instance: &mut ObservedInstance, status: AgentStatus) {
    instance.phase = agent_phase(&status);
    instance.waiting_for = status.waiting_for;
    instance.ssh_port = Some(status.ssh_local_port).filter(|port| *port != 0);
    instance.accelerator = status.accelerator.map(|accelerator| Accelerator {
        name: accelerator.word().to_owned(),
        fallback: status.fallback_reason,
    });
}

/// The same in the words of the model.
pub(crate) fn agent_phase(status: &AgentStatus) -> InstancePhase {
    match status.phase {
        Phase::Booting => InstancePhase::Booting,
        Phase::Running => InstancePhase::Ready,
        Phase::Degraded => InstancePhase::Degraded { errors: status.errors.clone() },
        Phase::Stopping => InstancePhase::Stopping,
    }
}

/// Lima's agent tells its port, and writes down the rest.
async fn from_lima(instance: &mut ObservedInstance, files: &InstanceFiles, client: &Client) {
    if let Ok(info) = client.info().await {
        instance.ssh_port = Some(info.ssh_local_port).filter(|port| *port != 0);
    }
    instance.phase = lima_phase(files);
    if instance.phase == InstancePhase::Booting {
        instance.waiting_for = Some("its guest, which Lima started".to_owned());
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
    use super::*;

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
