//! Commands that cannot hang a test.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Runs a command and collects its output, as [`Command::output`] does, and kills it if it takes
/// longer than `limit`.
///
/// # Panics
/// If the program cannot be started.
pub fn output(command: &mut Command, limit: Duration) -> Output {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let (out, err) = (child.stdout.take().map(read), child.stderr.take().map(read));
    let status = wait(&mut child, limit).unwrap_or_else(|| {
        eprintln!("{command:?} takes longer than {limit:?}");
        child.kill().expect("it is ours");
        child.wait().expect("it is ours")
    });
    let all = |thread: Option<JoinHandle<Vec<u8>>>| {
        thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    };
    Output { status, stdout: all(out), stderr: all(err) }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return Some(status);
        }
        sleep(Duration::from_millis(5));
    }
    None
}

/// Reads beside the wait: a full pipe would keep the program from ending.
fn read(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut bytes = Vec::new();
        // What came before a break is still worth showing.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_too_long_is_killed() {
        let mut sleeper = Command::new("sleep");
        let start = Instant::now();
        let output = output(sleeper.arg("600"), Duration::from_millis(100));
        assert!(!output.status.success() && start.elapsed() < Duration::from_secs(60));
        let fine = super::output(Command::new("echo").arg("a"), Duration::from_secs(60));
        assert_eq!((fine.status.code(), fine.stdout), (Some(0), b"a\n".to_vec()));
    }
}
