//! Stopping an instance.

use std::fs;
use std::path::Path;
use std::time::Duration;

use limekiln_engine::{ActionContext, EngineError, ErrorClass};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{Client, ClientError};
use limekiln_hostagent::process::{self, Process};
use limekiln_model::{Name, StopMode};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::error::file;
use crate::observe::{agent_pid, driver_pid};
use crate::paths::Paths;

/// The host agent itself forces the guest after 180 s; then it has this much more to end.
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
    if let Some(agent) = watch(agent_pid(&dir)) {
        ask(&dir, &agent, mode).await;
        context.message(if mode == StopMode::Force {
            "is killed"
        } else {
            "waits for the guest to stop"
        });
        let deadline = if mode == StopMode::Force { FORCED } else { GRACEFUL };
        let ended = timeout(deadline, agent.exited()).await.is_ok();
        if !ended && mode == StopMode::Graceful {
            return Err(EngineError::new(
                ErrorClass::NeedsHuman,
                format!("instance/{name} does not stop"),
            )
            .hint(format!("limekiln stop --force {name}")));
        }
        if !ended {
            agent.kill();
            agent.exited().await;
        }
    }
    // A VM without its agent cannot be asked through it; nobody else would end it.
    if let Some(driver) = watch(driver_pid(&dir)) {
        driver.kill();
        driver.exited().await;
    }
    sweep(paths, &dir)
}

fn watch(pid: Option<u32>) -> Option<Process> {
    let pid = pid?;
    Process::foreign(pid, process::start_time(pid)?)
}

/// Through the API, or with Lima's signal where the agent is Lima's.
async fn ask(dir: &Path, agent: &Process, mode: StopMode) {
    let client = Client::new(InstanceFiles::new(dir).file("ha.sock"));
    match client.stop(mode == StopMode::Force).await {
        Ok(()) => {}
        Err(ClientError::Refused(_)) | Err(_) => {
            let pid = i32::try_from(agent.pid()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // If it is gone already, so much the better.
                let _ = kill_process(pid, Signal::INT);
            }
        }
    }
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
