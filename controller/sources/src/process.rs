//! A program, run to its end or to a deadline.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How often a program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// How long the end of a program that was killed is waited for.
const DYING: Duration = Duration::from_secs(2);

/// How long a program may run, and how much of what it prints is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// When it is killed.
    pub(crate) timeout: Duration,
    /// How many bytes of its standard output are kept, from the first.
    pub(crate) out: usize,
    /// How many bytes of its standard error are kept, up to the last: the reason stands there.
    pub(crate) err: usize,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Exited {
        /// How.
        status: ExitStatus,
        /// Its standard output.
        out: String,
        /// Its standard error.
        err: String,
    },
    /// Not before the deadline: it was killed, with all that it had started.
    TooSlow,
    /// It was killed because the caller said so.
    Stopped,
}

/// Runs a program in a process group of its own, so that it can be killed with its children.
/// Its standard input is what the caller has set; `go_on` is asked every few milliseconds.
///
/// # Errors
/// It cannot be started.
pub(crate) fn run(
    command: &mut Command,
    bounds: Bounds,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<Ended> {
    let deadline = Instant::now() + bounds.timeout;
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let out = read(child.stdout.take(), move |stream| head(stream, bounds.out));
    let err = read(child.stderr.take(), move |stream| tail(stream, bounds.err));
    let ended = wait(&mut child, deadline, go_on)?;
    let Waited::Exited(status) = ended else {
        kill(child);
        return Ok(if matches!(ended, Waited::Stopped) { Ended::Stopped } else { Ended::TooSlow });
    };
    // Something that it left behind may still hold the other end.
    let rest = || deadline.saturating_duration_since(Instant::now());
    let texts = (out.recv_timeout(rest()), err.recv_timeout(rest()));
    let (Ok(out), Ok(err)) = texts else {
        kill(child);
        return Ok(Ended::TooSlow);
    };
    Ok(Ended::Exited { status, out, err })
}

enum Waited {
    Exited(ExitStatus),
    TooSlow,
    Stopped,
}

fn wait(
    child: &mut Child,
    deadline: Instant,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<Waited> {
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Waited::Exited(status)),
            None if Instant::now() >= deadline => return Ok(Waited::TooSlow),
            None if !go_on() => return Ok(Waited::Stopped),
            None => thread::sleep(POLL),
        }
    }
}

/// Reads on a thread, so that a full pipe never stops the program.
fn read<S: Read + Send + 'static>(
    stream: Option<S>,
    keep: impl FnOnce(&mut S) -> Vec<u8> + Send + 'static,
) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let bytes = stream.map(|mut stream| keep(&mut stream)).unwrap_or_default();
        // Nobody listens any more when the deadline has passed.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn head(stream: &mut impl Read, max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came until then is all there is.
    let _ = stream.by_ref().take(max as u64).read_to_end(&mut bytes);
    let _ = io::copy(stream, &mut io::sink());
    bytes
}

fn tail(stream: &mut impl Read, max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..count]);
        if bytes.len() > 2 * max {
            bytes.drain(..bytes.len() - max);
        }
    }
    bytes.drain(..bytes.len().saturating_sub(max));
    bytes
}

fn kill(mut child: Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // There is none left if all of it has ended meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let until = Instant::now() + DYING;
    if !matches!(wait(&mut child, until, &mut || true), Ok(Waited::Exited(_))) {
        // It hangs in the kernel, on a file system that does not answer, and may do so for ever. It
        // does nothing more when it comes back; somebody must be there then, or it stays a zombie.
        let reap = move || child.wait();
        let _ = thread::Builder::new().spawn(reap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, timeout: Duration, go_on: &mut dyn FnMut() -> bool) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        run(&mut command, Bounds { timeout, out: 10, err: 10 }, go_on).expect("sh")
    }

    #[test]
    fn the_first_of_what_is_printed_and_the_last_of_what_is_complained_are_kept() {
        let script = "seq 1 100000; seq 1 100000 >&2; exit 3";
        match sh(script, Duration::from_secs(20), &mut || true) {
            Ended::Exited { status, out, err } => {
                assert_eq!(status.code(), Some(3));
                assert_eq!((&*out, &*err), ("1\n2\n3\n4\n5\n", "99\n100000\n"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_slow_or_unwanted_program_is_killed_with_its_children() {
        let dir = tempfile::tempdir().expect("dir");
        let mark = dir.path().join("mark");
        let script = format!("(sleep 1; touch {}) & wait", mark.display());
        let begun = Instant::now();
        let slow = sh(&script, Duration::from_millis(100), &mut || true);
        assert!(matches!(slow, Ended::TooSlow), "{slow:?}");
        let stopped = sh(&script, Duration::from_secs(20), &mut || false);
        assert!(matches!(stopped, Ended::Stopped), "{stopped:?}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(1300));
        assert!(!mark.exists(), "a child went on");
    }
}
