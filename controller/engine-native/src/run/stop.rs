//! Stopping an instance.

use std::fs;
use std::path::Path;
use std::time::Duration;

use limekiln_engine::{ActionContext, EngineError, ErrorClass};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{Client, ClientError};
use limekiln_hostagent::driver::power;
use limekiln_hostagent::driver::qemu::Qemu;
use limekiln_hostagent::process::{self, Process};
use limekiln_model::{Name, StopMode};
use tokio::time::timeout;

use crate::error::file;
use crate::observe::{agent_pid, driver_pid};
use crate::paths::Paths;

/// How long a guest may take after the power button, as in Lima.
const GUEST: Duration = Duration::from_secs(180);
/// The host agent itself cuts the guest's power when that is over; then it has this much more.
const GRACEFUL: Duration = Duration::from_secs(195);
const FORCED: Duration = Duration::from_secs(10);

/// Stops the VM; returns when both of its processes are gone.
pub(crate) async fn stop(
    paths: &Paths,
    name: &Name,
    mode: StopMode,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let dir = paths.instance(name);
    if !dir.join("lima.yaml").exists() {
        return Err(EngineError::precondition(format!("instance/{name} does not exist")));
    }
    let both = async {
        if let Some(agent) = watch(agent_pid(&dir)) {
            stop_agent(&dir, &agent, mode, name, context).await?;
        }
        // Its agent was killed, or just now; nobody else would end it.
        if let Some(driver) = watch(driver_pid(&dir)) {
            stop_orphan(&dir, driver, mode, context).await;
        }
        Ok::<_, EngineError>(())
    };
    tokio::select! {
        result = both => result?,
        // Whoever was asked to stop goes on with it.
        () = context.cancel.cancelled() => return Err(EngineError::cancelled()),
    }
    sweep(paths, &dir)
}

fn watch(pid: Option<u32>) -> Option<Process> {
    let pid = pid?;
    Process::foreign(pid, process::start_time(pid)?)
}

async fn stop_agent(
    dir: &Path,
    agent: &Process,
    mode: StopMode,
    name: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let force = mode == StopMode::Force;
    context.message(if force { "cuts the power" } else { "waits for the guest to stop" });
    let client = Client::new(InstanceFiles::new(dir).file("ha.sock"));
    let heard = client.stop(force).await;
    if heard.is_err() {
        // Lima's agent has no such route, and hears this.
        agent.interrupt();
    }
    let stuck = matches!(heard, Err(ClientError::Deadline));
    let deadline = if force || stuck { FORCED } else { GRACEFUL };
    if timeout(deadline, agent.exited()).await.is_ok() {
        return Ok(());
    }
    if !force && !stuck {
        let message = format!("instance/{name} does not stop");
        return Err(EngineError::new(ErrorClass::NeedsHuman, message)
            .hint(format!("limekiln stop --force {name}")));
    }
    // Then its VM is asked without it.
    agent.kill();
    agent.exited().await;
    Ok(())
}

/// The VM hears the power button also without its agent.
async fn stop_orphan(dir: &Path, driver: Process, mode: StopMode, context: &ActionContext) {
    let mut machine = Qemu::orphan(InstanceFiles::new(dir), driver);
    if mode == StopMode::Graceful {
        context.message("waits for the guest to stop");
        // In vain or not, afterwards it is ended.
        let _ = timeout(GUEST, power::press(machine.as_ref())).await;
    }
    power::cut(machine.as_ref()).await;
    machine.clean_up();
}

/// What processes that were killed could not remove themselves. Lima removes the same.
fn sweep(paths: &Paths, dir: &Path) -> Result<(), EngineError> {
    for entry in fs::read_dir(dir).map_err(file("read", dir))?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if [".pid", ".sock", ".tmp"].iter().any(|suffix| name.ends_with(suffix)) {
            // Somebody else may be quicker.
            let _ = fs::remove_file(entry.path());
        }
    }
    for disk in fs::read_dir(paths.disks()).into_iter().flatten().flatten() {
        let lock = disk.path().join("in_use_by");
        if fs::read_link(&lock).is_ok_and(|holder| holder == dir) {
            let _ = fs::remove_file(lock);
        }
    }
    Ok(())
}
