//! Taking over the VM that a killed host agent left behind.

use std::fs;

use super::agent::{Agent, Known};
use super::prepare;
use crate::api::Phase;
use crate::driver::Machine;
use crate::files::InstanceFiles;
use crate::process::Process;
use crate::resolver::Resolver;
use crate::spec::{filled, resolve};
use crate::state::State;
use crate::{Error, HostAgentArgs};

/// Finds the VM, checks that it answers, and becomes its host agent. Also tells what is known
/// of its guest.
///
/// # Errors
/// There is no such VM, or it does not answer; it is left as it is then.
pub(super) async fn adopt(args: HostAgentArgs) -> Result<(Agent, Box<dyn Machine>, Known), Error> {
    let files = InstanceFiles::new(&args.instance_dir);
    let state = State::read(&files.state()).map_err(|reason| Error::NothingToAdopt { reason })?;
    let gone = || Error::NothingToAdopt { reason: format!("pid {} is gone", state.driver_pid) };
    let process = Process::foreign(state.driver_pid, state.driver_start_time).ok_or_else(gone)?;
    // What it was started with, which `lima.yaml` may not be any more.
    let yaml = files.booted_yaml();
    let text = fs::read(&yaml).map_err(Error::file("read", &yaml))?;
    let lima = match files.read_booted() {
        Some(lima) => lima,
        None => filled(&args, &yaml)?,
    };
    let (mut spec, guest) = resolve(&args, &lima)?;
    spec.ssh_port = state.ssh_local_port;
    let digest = prepare::digest(&text);
    let mut agent = prepare::assemble(args, spec, guest, state.instance_id.clone(), digest)?;
    // A guest that was told of no server asks none.
    agent.resolver = state.dns_ports.and_then(|ports| Resolver::start(&agent.guest, Some(ports)));
    let machine = agent.driver.adopt(&agent.spec, process).await?;
    agent.shared.update(|status| {
        status.started_at = state.started_at;
        status.accelerator = Some(state.accelerator);
        status.fallback_reason = state.fallback_reason.clone();
        status.driver_pid = Some(state.driver_pid);
        status.errors = state.errors.clone();
        if state.ready {
            status.phase = if state.errors.is_empty() { Phase::Running } else { Phase::Degraded };
        }
    });
    agent.mounts.find_left(&agent.spec.mounts).await;
    tracing::info!("adopted the VM in process {}", state.driver_pid);
    Ok((agent, machine, if state.ready { Known::Ready } else { Known::Nothing }))
}
