//! Host directories in a guest that runs: its host agent brings them there.

use std::time::Duration;

use limekiln_engine::{ActionContext, EngineError, ErrorClass};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{AgentStatus, Client, ClientError, MountState, MountStatus};
use limekiln_model::Name;
use tokio::time::{Instant, sleep};

use crate::observe::agent_pid;
use crate::paths::Paths;

/// Between looks at the status, which cost the host agent a tenth of a millisecond.
const LOOK: Duration = Duration::from_millis(10);

/// How long a mount may take: the host agent gives the guest two minutes, in which it may install
/// sshfs.
const DEADLINE: Duration = Duration::from_secs(150);

/// Makes of a running VM what its `lima.yaml` says now. Returns when what is to go has gone; what
/// is to come has an action of its own. An instance that does not run has it at its start, and one
/// that Lima's host agent runs at its next.
pub(crate) async fn reload(
    paths: &Paths,
    name: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let dir = paths.instance(name);
    if agent_pid(&dir).is_none() {
        return Ok(());
    }
    let client = Client::new(InstanceFiles::new(&dir).file("ha.sock"));
    match ask(&client, name).await? {
        Some(asked) => until(&client, name, context, |status| status.reloads >= asked).await,
        None => Ok(()),
    }
}

/// Brings one directory into the guest; returns when it is there.
pub(crate) async fn mount(
    paths: &Paths,
    name: &Name,
    mount_point: &str,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let files = super::running(paths, name)?;
    let client = Client::new(files.file("ha.sock"));
    // What has failed is tried again now.
    let asked = ask(&client, name).await?.unwrap_or_default();
    let mut end = None;
    until(&client, name, context, |status| {
        end = status.mounts.iter().find(|mount| mount.mount_point == mount_point).cloned();
        let done = end.as_ref().is_none_or(|mount| mount.state != MountState::Mounting);
        status.reloads >= asked && done
    })
    .await?;
    match end {
        Some(mount) if mount.state == MountState::Mounted => Ok(()),
        Some(mount) => Err(failed(&files, name, &mount)),
        None => Err(EngineError::precondition(format!(
            "instance/{name} was started without a mount at {mount_point}"
        ))
        .hint(format!("limekiln restart {name}"))),
    }
}

/// Which reload it is; `None` if the host agent can't.
async fn ask(client: &Client, name: &Name) -> Result<Option<u64>, EngineError> {
    match client.reload().await {
        Ok(asked) => Ok(Some(asked.reload)),
        // Lima's, or an older one of ours.
        Err(ClientError::Refused(_)) => Ok(None),
        Err(error) => Err(silent(name).because(error)),
    }
}

async fn until(
    client: &Client,
    name: &Name,
    context: &ActionContext,
    mut holds: impl FnMut(&AgentStatus) -> bool,
) -> Result<(), EngineError> {
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        match client.status().await {
            Ok(status) if holds(&status) => return Ok(()),
            Ok(_) => {}
            Err(ClientError::Refused(_)) => return Err(of_lima(name)),
            Err(error) => return Err(silent(name).because(error)),
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = context.cancel.cancelled() => return Err(EngineError::cancelled()),
        }
    }
    Err(EngineError::new(ErrorClass::Unknown, format!("the guest of instance/{name} is too slow")))
}

fn of_lima(name: &Name) -> EngineError {
    let message = format!("Lima's host agent runs instance/{name}, and changes no mounts");
    EngineError::precondition(message).hint(format!("limekiln restart {name}"))
}

fn silent(name: &Name) -> EngineError {
    let message = format!("the host agent of instance/{name} does not answer");
    EngineError::new(ErrorClass::Unknown, message)
}

fn failed(files: &InstanceFiles, name: &Name, mount: &MountStatus) -> EngineError {
    let why = mount.reason.as_deref().unwrap_or("it is not there");
    let message = format!(
        "cannot mount {} at {} in instance/{name}: {why}",
        mount.location, mount.mount_point
    );
    let hint = match mount.kind.as_str() {
        "reverse-sshfs" => {
            format!("it is tried again from time to time; see {}", files.log().display())
        }
        _ => format!(
            "`limekiln restart {name}` mounts it anew; `mountType: reverse-sshfs` needs less of the guest"
        ),
    };
    EngineError::permanent(message).hint(hint)
}
