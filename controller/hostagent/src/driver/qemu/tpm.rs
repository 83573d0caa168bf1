//! swtpm, the TPM of a guest: started before QEMU, and ending with it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::qmp::{Qmp, QueryStatus};
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

/// It ends with its QEMU, which most often is seen to end a moment later.
const WITH_QEMU: Duration = Duration::from_millis(500);
/// Between two questions to a QEMU that does not answer.
const AGAIN: Duration = Duration::from_secs(1);

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

    /// Waits until it has ended before its QEMU; returns what that means for the guest. Does not
    /// return where QEMU ended first.
    pub(super) async fn lost(&self, files: &InstanceFiles) -> String {
        if let Some(process) = &self.process {
            process.exited().await;
            sleep(WITH_QEMU).await;
            until_qemu_answers(&files.qmp_sock()).await;
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

/// A QEMU that ends may take any time to be gone after its TPM, but it answers nothing any more: its
/// main loop, which does what is asked, has ended before it lets go of its devices.
async fn until_qemu_answers(qmp: &Path) {
    loop {
        if let Ok(mut qmp) = Qmp::connect(qmp).await
            && qmp.execute(&QueryStatus).await.is_ok()
        {
            return;
        }
        sleep(AGAIN).await;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::UnixListener;
    use tokio::time::timeout;

    use super::until_qemu_answers;

    const LONG: Duration = Duration::from_secs(60);

    /// A QEMU that answers all that it is asked, until it is aborted.
    async fn answer(listener: UnixListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.get_mut().write_all(b"{\"QMP\": {}}\r\n").await.unwrap();
            let mut asked = String::new();
            while stream.read_line(&mut asked).await.is_ok_and(|bytes| bytes > 0) {
                let request: serde_json::Value = serde_json::from_str(&asked).unwrap();
                let returned = serde_json::json!({"status": "running"});
                let answer = serde_json::json!({"id": request["id"], "return": returned});
                stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                asked.clear();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_qemu_that_answers_has_lost_its_tpm() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp.sock");
        let silent = UnixListener::bind(&path).unwrap();
        assert!(timeout(LONG, until_qemu_answers(&path)).await.is_err(), "it is ending");
        drop(silent);
        std::fs::remove_file(&path).unwrap();
        assert!(timeout(LONG, until_qemu_answers(&path)).await.is_err(), "it is gone");
        tokio::spawn(answer(UnixListener::bind(&path).unwrap()));
        assert!(timeout(LONG, until_qemu_answers(&path)).await.is_ok(), "it runs");
    }
}
