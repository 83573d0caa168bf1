//! Starting a host agent, which starts the VM or adopts it.

use std::path::Path;
use std::time::Duration;

use limekiln_engine::{ActionContext, EngineError, ErrorClass};
use limekiln_hostagent::api::Client;
use limekiln_hostagent::{HostAgentArgs, InstanceFiles, spawn};
use limekiln_model::Name;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::log;
use crate::error::file;
use crate::observe::{agent_pid, driver_pid};
use crate::paths::Paths;

/// Between looks at the new host agent.
const LOOK: Duration = Duration::from_millis(5);
/// A host agent that does not listen by then has gone wrong.
const DEADLINE: Duration = Duration::from_secs(20);

/// Starts the instance; returns when its host agent serves `ha.sock`.
pub(crate) async fn start(
    paths: &Paths,
    exe: &Path,
    name: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let dir = paths.instance(name);
    if !dir.join("lima.yaml").exists() {
        return Err(EngineError::precondition(format!("instance/{name} does not exist")));
    }
    if agent_pid(&dir).is_some() {
        // An earlier try got through.
        return Ok(());
    }
    let files = InstanceFiles::new(&dir);
    let mut args = HostAgentArgs::new(&dir, paths.home());
    args.adopt = driver_pid(&dir).is_some();
    if args.adopt {
        context.message("adopts the VM that runs");
    }
    let command = spawn::command(exe, &args).map_err(file("open the logs in", &dir))?;
    // tokio's: it reaps the child when it ends, however long from now.
    let child = Command::from(command).spawn().map_err(|error| {
        EngineError::needs_human(format!("cannot start {}", exe.display())).because(error)
    })?;
    tokio::select! {
        result = serves(&files, child, name) => result,
        // The host agent goes on by itself.
        () = context.cancel.cancelled() => Err(EngineError::cancelled()),
    }
}

async fn serves(files: &InstanceFiles, mut child: Child, name: &Name) -> Result<(), EngineError> {
    let client = Client::new(files.file("ha.sock"));
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        if files.file("ha.sock").exists() && client.status().await.is_ok() {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(ended(files, name, &status.to_string()));
        }
        sleep(LOOK).await;
    }
    Err(EngineError::new(
        ErrorClass::Unknown,
        format!("the host agent of instance/{name} does not answer"),
    )
    .hint(format!("see {}", files.log().display())))
}

fn ended(files: &InstanceFiles, name: &Name, status: &str) -> EngineError {
    let said = log::last_error(files)
        .or_else(|| log::last_line(files))
        .unwrap_or_else(|| status.to_owned());
    let class = if needs_human(&said) { ErrorClass::NeedsHuman } else { ErrorClass::Permanent };
    EngineError::new(class, format!("instance/{name} did not start: {said}"))
        .hint(format!("see {}", files.log().display()))
}

/// Things that no other try mends.
fn needs_human(said: &str) -> bool {
    ["not installed", "No such file", "No space left", "in use", "firmware"]
        .iter()
        .any(|part| said.contains(part))
}
