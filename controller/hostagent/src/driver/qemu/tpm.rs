//! swtpm, the TPM of a guest: started before QEMU, and ending with it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::driver::DriverError;
use crate::files::InstanceFiles;
use crate::pidfile;
use crate::process::{self, Process};

/// The program's name.
pub const PROGRAM: &str = "swtpm";
/// How long it may take to listen, or to go.
const LISTENS: Duration = Duration::from_secs(5);
/// Between two looks, for which every start waits.
const LOOK: Duration = Duration::from_millis(2);

/// It ends with its QEMU, which is seen to end a moment later.
const WITH_QEMU: Duration = Duration::from_millis(500);

/// The TPM of a VM that runs.
///
/// QEMU hands it its end of the connection once, when it starts, and can't connect to another: what
/// the guest has in the TPM's memory (sessions, loaded keys, measurements of the boot) is gone with
/// it. So when it dies, all that can be done is to say so.
#[derive(Debug)]
pub(super) struct Tpm {
    /// `None` where it was gone when the VM was taken over.
    process: Option<Process>,
}

impl Tpm {
    /// Starts the instance's TPM on what it remembers; returns when it listens.
    pub(super) async fn start(files: &InstanceFiles) -> Result<Self, DriverError> {
        end_left(files).await;
        let state = files.swtpm_state();
        let failed = |source| DriverError::File { path: state.clone(), source };
        match DirBuilder::new().mode(0o700).create(&state) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        forget(files);
        let mut process = spawn(files)?;
        let deadline = Instant::now() + LISTENS;
        while !files.swtpm_sock().exists() {
            tokio::select! {
                () = process.exited() => {
                    process.reap();
                    let said = fs::read_to_string(files.swtpm_log()).unwrap_or_default();
                    return Err(no_tpm(said.lines().last().unwrap_or("it ended")));
                }
                () = sleep(LOOK) => {}
            }
            if Instant::now() > deadline {
                process.kill();
                return Err(no_tpm(&format!("it did not listen within {} s", LISTENS.as_secs())));
            }
        }
        Ok(Self { process: Some(process) })
    }

    /// That of a VM that another host agent started.
    pub(super) fn find(files: &InstanceFiles) -> Self {
        Self { process: left(files) }
    }

    /// Waits until it has ended before its QEMU; returns what that means for the guest.
    pub(super) async fn lost(&self) -> String {
        if let Some(process) = &self.process {
            process.exited().await;
            sleep(WITH_QEMU).await;
        }
        format!(
            "the TPM is gone: {PROGRAM} has ended (see {PROGRAM}.log), and QEMU takes no other until \
             the instance is restarted"
        )
    }

    /// Ends it: one to which QEMU never connected would stay.
    pub(super) fn end(self) {
        if let Some(mut process) = self.process {
            process.kill();
            process.reap();
        }
    }
}

fn spawn(files: &InstanceFiles) -> Result<Process, DriverError> {
    let failed = |source| DriverError::Program { program: PROGRAM.to_owned(), source };
    let log = File::create(files.swtpm_log()).map_err(failed)?;
    let mut command = Command::new(PROGRAM);
    command.args(["socket", "--tpm2", "--terminate", "--log", "level=1"]);
    for (option, key, path) in [
        ("--tpmstate", "dir=", files.swtpm_state()),
        ("--ctrl", "type=unixio,path=", files.swtpm_sock()),
        ("--pid", "file=", files.swtpm_pid()),
    ] {
        let mut value = std::ffi::OsString::from(key);
        value.push(path);
        command.arg(option).arg(value);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(failed)?).stderr(log);
    // A signal for the host agent's group must not reach the VM's TPM.
    command.process_group(0);
    Process::child(command.spawn().map_err(failed)?).map_err(failed)
}

/// One whose QEMU never came: it would keep the state locked.
async fn end_left(files: &InstanceFiles) {
    if let Some(left) = left(files) {
        left.kill();
        let _ = tokio::time::timeout(LISTENS, left.exited()).await;
    }
}

/// One that another host agent started.
fn left(files: &InstanceFiles) -> Option<Process> {
    let pid = pidfile::read(&files.swtpm_pid())?;
    let start_time = process::start_time(pid)?;
    if process::names(pid, files.dir()) { Process::foreign(pid, start_time) } else { None }
}

/// What is left of one that has ended. What the TPM remembers stays.
pub(super) fn forget(files: &InstanceFiles) {
    for path in [files.swtpm_sock(), files.swtpm_pid()] {
        let _ = fs::remove_file::<&Path>(&path);
    }
}

fn no_tpm(reason: &str) -> DriverError {
    DriverError::Helper { program: PROGRAM, reason: reason.trim().to_owned() }
}
