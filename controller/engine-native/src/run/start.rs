//! Starting a host agent, which starts the VM or adopts it.

use std::path::Path;
use std::time::Duration;

use limekiln_api::{Lima, read_lima, unsupported};
use limekiln_engine::{ActionContext, EngineError, ErrorClass};
use limekiln_hostagent::api::Client;
use limekiln_hostagent::spec::filled;
use limekiln_hostagent::{HostAgentArgs, InstanceFiles, spawn};
use limekiln_model::Name;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::disks::forget_dead_holder;
use super::log;
use super::remedies::remedy;
use crate::error::file;
use crate::firmware;
use crate::images::Images;
use crate::observe::{agent_pid, driver_pid};
use crate::paths::Paths;
use crate::refusals::{InstalledQemu, refusals};
use crate::unsupported::UNSUPPORTED;

/// Between looks at the new host agent.
const LOOK: Duration = Duration::from_millis(5);
/// A host agent that does not listen by then has gone wrong.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a start takes from this host.
#[derive(Clone, Copy)]
pub(crate) struct Host<'a> {
    /// The program whose `hostagent` subcommand runs an instance.
    pub(crate) agent_exe: &'a Path,
    /// Where firmware comes from.
    pub(crate) images: &'a Images,
    /// The hypervisor.
    pub(crate) qemu: &'a InstalledQemu,
}

/// Starts the instance; returns when its host agent serves `ha.sock`.
pub(crate) async fn start(
    paths: &Paths,
    host: &Host<'_>,
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
    } else {
        must_be_honoured(&files, name)?;
        // If it cannot be read, the host agent says what is wrong with it.
        if let Ok(filled) = filled(&args, &files.lima_yaml()) {
            must_be_possible(&filled, host, paths, name)?;
            firmware::place(host.images, &filled, &files, context).await?;
            args.nerdctl_archive = host.images.fetch_archive(&filled, false, context).await?;
        }
        free_disks(paths, &files, name)?;
    }
    let command = spawn::command(host.agent_exe, &args).map_err(file("open the logs in", &dir))?;
    // tokio's: it reaps the child when it ends, however long from now.
    let child = Command::from(command).spawn().map_err(|error| {
        EngineError::needs_human(format!("cannot start {}", host.agent_exe.display()))
            .because(error)
    })?;
    tokio::select! {
        result = serves(&files, child, name) => result,
        // The host agent goes on by itself.
        () = context.cancel.cancelled() => Err(EngineError::cancelled()),
    }
}

/// A manifest was checked when it was applied; what Lima wrote may ask for what this engine
/// cannot do, and must not be started without.
fn must_be_honoured(files: &InstanceFiles, name: &Name) -> Result<(), EngineError> {
    let text = std::fs::read_to_string(files.lima_yaml()).unwrap_or_default();
    // If it cannot be read, the host agent says what is wrong with it.
    let Ok(lima) = read_lima(&text) else { return Ok(()) };
    let faults = unsupported(&lima, UNSUPPORTED);
    if faults.is_empty() {
        return Ok(());
    }
    let faults: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
    let message = format!("instance/{name} cannot be started as it is: {}", faults.join("; "));
    let file = files.lima_yaml();
    Err(EngineError::needs_human(message)
        .hint(format!("start it with limactl, or remove that from {}", file.display())))
}

/// The host may have changed since it was planned, and what Lima wrote was never planned.
fn must_be_possible(
    filled: &Lima,
    host: &Host<'_>,
    paths: &Paths,
    name: &Name,
) -> Result<(), EngineError> {
    let refused = refusals(filled, host.qemu, paths.home());
    let Some(first) = refused.iter().find(|refusal| refusal.is_error()) else { return Ok(()) };
    let field = first.path.trim_start_matches("spec.template.");
    let message = format!("instance/{name} cannot be started: `{field}`: {}", first.message);
    Err(EngineError::needs_human(message).hint(first.hint.clone().unwrap_or_default()))
}

/// A lock that a crash left must not keep a disk from who has it now.
fn free_disks(paths: &Paths, files: &InstanceFiles, name: &Name) -> Result<(), EngineError> {
    let text = std::fs::read_to_string(files.lima_yaml()).unwrap_or_default();
    let lima = read_lima(&text).unwrap_or_default();
    let disks = lima.additional_disks.iter().flatten();
    for disk in disks.filter_map(|disk| Name::new(disk.name.as_str()).ok()) {
        forget_dead_holder(paths, &disk, name)?;
    }
    Ok(())
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
        .or_else(|| full(files))
        .unwrap_or_else(|| status.to_owned());
    let error = |class| EngineError::new(class, format!("instance/{name} did not start: {said}"));
    match remedy(&said) {
        Some(hint) => error(ErrorClass::NeedsHuman).hint(hint),
        None => error(ErrorClass::Permanent).hint(format!("see {}", files.log().display())),
    }
}

/// A host agent that finds the disk full cannot even write so into its log.
fn full(files: &InstanceFiles) -> Option<String> {
    let space = rustix::fs::statvfs(files.dir()).ok()?;
    (space.f_bavail == 0).then(|| format!("No space left in {}", files.dir().display()))
}
