//! A small program, run to its end or to a deadline.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// More output is not read; a locator is a line.
const MAX_OUTPUT: u64 = 64 << 10;
/// How often a program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With 0.
    Done {
        /// Its standard output.
        out: String,
    },
    /// In any other way.
    Failed {
        /// How.
        status: String,
        /// Its standard error.
        err: String,
    },
    /// Not before the deadline: it was killed, with all that it had started.
    TooSlow,
}

/// Runs a program with one argument, without input.
pub(super) fn run(
    program: &Path,
    argument: &str,
    path: &OsStr,
    timeout: Duration,
) -> io::Result<Ended> {
    let deadline = Instant::now() + timeout;
    let mut child = start(program, argument, path)?;
    let out = read(child.stdout.take());
    let err = read(child.stderr.take());
    let ended = wait(&mut child, deadline)?.and_then(|status| {
        // Something that it left behind may still hold the other end.
        let rest = || deadline.saturating_duration_since(Instant::now());
        Some((status, out.recv_timeout(rest()).ok()?, err.recv_timeout(rest()).ok()?))
    });
    match ended {
        Some((status, out, _)) if status.success() => Ok(Ended::Done { out }),
        Some((status, _, err)) => Ok(Ended::Failed { status: status.to_string(), err }),
        None => {
            kill(&mut child);
            Ok(Ended::TooSlow)
        }
    }
}

/// In a process group of its own, so that it can be killed with its children.
fn start(program: &Path, argument: &str, path: &OsStr) -> io::Result<Child> {
    Command::new(program)
        .arg(argument)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() >= deadline => return Ok(None),
            None => std::thread::sleep(POLL),
        }
    }
}

/// Reads on a thread, so that a full pipe never stops the program.
fn read(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What came until then is all there is.
            let _ = stream.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        // Nobody listens any more when the deadline has passed.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // There is none left if all of it has ended meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
