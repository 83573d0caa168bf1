//! What a running instance's host agent says.

use std::fs;

use limekiln_api::{HostFacts, fill_as, read_lima};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{AgentStatus, Client, ClientError, Phase};
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
        Err(ClientError::Refused(_)) => from_lima(instance, &client).await,
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
    let booted =
        fs::read_to_string(files.booted_yaml()).ok().and_then(|text| read_lima(&text).ok());
    instance.booted = booted.map(|lima| fill_as(&lima, name, facts, &instance.creator));
}

fn from_status(instance: &mut ObservedInstance, status: AgentStatus) {
    instance.phase = match status.phase {
        Phase::Booting => InstancePhase::Booting,
        Phase::Running => InstancePhase::Ready,
        Phase::Degraded => InstancePhase::Degraded { errors: status.errors },
        Phase::Stopping => InstancePhase::Stopping,
    };
    instance.waiting_for = status.waiting_for;
    instance.ssh_port = Some(status.ssh_local_port).filter(|port| *port != 0);
    instance.accelerator = status.accelerator.map(|accelerator| Accelerator {
        name: accelerator.word().to_owned(),
        fallback: status.fallback_reason,
    });
}

/// Lima knows only whether both processes run.
async fn from_lima(instance: &mut ObservedInstance, client: &Client) {
    if let Ok(info) = client.info().await {
        instance.phase = InstancePhase::Ready;
        instance.ssh_port = Some(info.ssh_local_port).filter(|port| *port != 0);
    }
}
