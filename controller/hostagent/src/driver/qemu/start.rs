//! Starting QEMU, and taking over one that runs.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use command_fds::{CommandFdExt, FdMapping};
use limekiln_api::Arch;
use tokio::time::{Instant, sleep};

use super::network::{self, FIRST_TAP};
use super::qmp::{Qmp, QueryStatus};
use super::running::RunningQemu;
use super::tpm::Tpm;
use super::version::version;
use super::{command_line, program_for, vnc};
use crate::accel::{Accelerator, kvm_opens};
use crate::driver::{Driver, DriverError, Machine};
use crate::files::InstanceFiles;
use crate::huge_pages;
use crate::network::host::join_bridge;
use crate::process::Process;
use crate::spec::{Link, SoundCard, VmSpec};

/// How long QEMU may take to open its control socket; it does so before it maps memory.
const CONTROL_DEADLINE: Duration = Duration::from_secs(20);

/// Between two looks for the control socket: short, because every start waits for it.
const CONTROL_POLL: Duration = Duration::from_millis(5);

/// The first version with a virtio sound card.
pub const VIRTIO_SOUND: [u32; 3] = [8, 2, 0];

/// QEMU.
#[derive(Debug)]
pub struct Qemu;

impl Qemu {
    /// The instance's VM in `process`, whose host agent is gone, for those who want no more of it
    /// than its end.
    pub fn orphan(files: InstanceFiles, process: Process) -> Box<dyn Machine> {
        Box::new(RunningQemu::new(files, process))
    }
}

#[async_trait]
impl Driver for Qemu {
    fn name(&self) -> &'static str {
        "qemu"
    }

    fn accelerators(&self, spec: &VmSpec) -> Vec<Accelerator> {
        let native = Arch::native() == Some(spec.arch);
        let fast = match std::env::consts::OS {
            "linux" if kvm_opens() => Some(Accelerator::Kvm),
            "macos" => Some(Accelerator::Hvf),
            _ => None,
        };
        fast.filter(|_| native).into_iter().chain([Accelerator::Tcg]).collect()
    }

    async fn start(
        &self,
        spec: &VmSpec,
        accelerator: Accelerator,
    ) -> Result<Box<dyn Machine>, DriverError> {
        remove_stale(&spec.files)?;
        let mut command = program_for(spec.arch).map_err(unusable)?;
        let tpm = if spec.devices.tpm { Some(Tpm::start(&spec.files).await?) } else { None };
        let program = command.get_program().to_string_lossy().into_owned();
        command.args(command_line(spec, accelerator));
        pass_taps(&mut command, spec)?;
        let spawned = spawn(command, &spec.files.qemu_log(), &program);
        let process = match spawned {
            Ok(process) => process,
            Err(error) => {
                tpm.into_iter().for_each(Tpm::end);
                return Err(error);
            }
        };
        let mut machine = RunningQemu::new(spec.files.clone(), process).with(tpm);
        match under_control(&machine, spec).await {
            Ok(()) => Ok(Box::new(machine)),
            Err(error) => {
                machine.process().kill();
                machine.process().exited().await;
                let reason = machine.clean_up().unwrap_or_default();
                let ended = matches!(error, DriverError::Ended { .. });
                Err(if ended { DriverError::Ended { reason } } else { error })
            }
        }
    }

    async fn adopt(
        &self,
        spec: &VmSpec,
        process: Process,
    ) -> Result<Box<dyn Machine>, DriverError> {
        Qmp::connect(&spec.files.qmp_sock()).await?.execute(&QueryStatus).await?;
        vnc::let_in_if_not_yet(spec).await?;
        let tpm = spec.devices.tpm.then(|| Tpm::find(&spec.files));
        Ok(Box::new(RunningQemu::new(spec.files.clone(), process).with(tpm)))
    }
}

/// The ports of bridges, which QEMU gets as descriptors.
fn pass_taps(command: &mut Command, spec: &VmSpec) -> Result<(), DriverError> {
    let bridges = spec.nics.iter().filter_map(|nic| match &nic.link {
        Link::Bridge(bridge) => Some(bridge),
        _ => None,
    });
    let mut mappings = Vec::new();
    for (child_fd, bridge) in (FIRST_TAP..).zip(bridges) {
        mappings.push(FdMapping { parent_fd: join_bridge(bridge)?, child_fd });
    }
    if mappings.is_empty() {
        return Ok(());
    }
    command.fd_mappings(mappings).map(drop).map_err(|error| unusable(io::Error::other(error)))
}

fn unusable(source: io::Error) -> DriverError {
    DriverError::Program { program: "qemu".to_owned(), source }
}

/// Makes the machine one that this host's QEMU can build, where that depends on its version. One
/// that does not tell it is old.
pub fn suit(spec: &mut VmSpec) {
    let has_sockets = spec.nics.iter().any(|nic| nic.link.socket().is_some());
    let virtio_sound = spec.devices.sound.as_mut().filter(|sound| sound.card == SoundCard::Virtio);
    if !has_sockets && virtio_sound.is_none() {
        return;
    }
    let version = version(spec.arch).unwrap_or_default();
    if let Some(sound) = virtio_sound.filter(|_| version < VIRTIO_SOUND) {
        tracing::warn!("QEMU has no virtio sound card before 8.2: the guest gets Intel's");
        sound.card = SoundCard::Hda;
    }
    spec.reconnect = network::reconnect(version);
}

async fn under_control(machine: &RunningQemu, spec: &VmSpec) -> Result<(), DriverError> {
    wait_for_control(machine, &spec.files.qmp_sock()).await?;
    vnc::let_in(spec).await
}

fn spawn(mut command: Command, log: &Path, program: &str) -> Result<Process, DriverError> {
    let failed = |source| DriverError::Program { program: program.to_owned(), source };
    let log = File::create(log).map_err(failed)?;
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
    // Neither a signal for the host agent's group nor its death may reach the VM.
    command.process_group(0);
    Process::child(huge_pages::spawn_with(&mut command).map_err(failed)?).map_err(failed)
}

async fn wait_for_control(machine: &RunningQemu, socket: &Path) -> Result<(), DriverError> {
    let deadline = Instant::now() + CONTROL_DEADLINE;
    loop {
        // No handshake: it would cost a round trip that the guest's boot has to wait for.
        if tokio::net::UnixStream::connect(socket).await.is_ok() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(DriverError::NoControl(CONTROL_DEADLINE));
        }
        tokio::select! {
            () = machine.process().exited() => {
                return Err(DriverError::Ended { reason: String::new() });
            }
            () = sleep(CONTROL_POLL) => {}
        }
    }
}

/// Removes what an earlier VM of this instance left behind. The serial logs, because their growth
/// is a sign of life.
fn remove_stale(files: &InstanceFiles) -> Result<(), DriverError> {
    for stem in ["serial", "serialp", "serialv"] {
        for suffix in ["log", "sock"] {
            remove(&files.file(&format!("{stem}.{suffix}")))?;
        }
    }
    remove(&files.qmp_sock())?;
    remove(&files.qemu_pid())
}

fn remove(path: &Path) -> Result<(), DriverError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DriverError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
