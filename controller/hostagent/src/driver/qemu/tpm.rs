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

/// Starts the instance's TPM on what it remembers; returns when it listens.
pub(super) async fn start(files: &InstanceFiles) -> Result<Process, DriverError> {
    end_left(files).await;
    let state = files.swtpm_state();
    let failed = |source| DriverError::File { path: state.clone(), source };
    match DirBuilder::new().mode(0o700).create(&state) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
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
    Ok(process)
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
    let Some(pid) = pidfile::read(&files.swtpm_pid()) else { return };
    let Some(start_time) = process::start_time(pid) else { return };
    if !process::names(pid, files.dir()) {
        return;
    }
    if let Some(left) = Process::foreign(pid, start_time) {
        left.kill();
        let _ = tokio::time::timeout(LISTENS, left.exited()).await;
    }
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
