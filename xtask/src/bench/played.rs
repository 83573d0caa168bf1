//! Host agents of VMs that run, played by this process: a hundred real VMs are more than a
//! machine has memory for, and the controller's part in them is what their host agents tell.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::Context;

/// What each tells: its guest is ready, and waits for nothing.
const STATUS: &str = r#"{"phase":"running","startedAt":"2026-01-01T00:00:00Z","sshLocalPort":60022,"configDigest":"","freeDiskPlaces":4}"#;

/// The process that all of the instances name as theirs. Gone at the end.
pub struct Played(Child);

impl Played {
    /// From here on, all of these instances run.
    ///
    /// # Errors
    /// A directory is not there, or not writable.
    pub fn run(instances: &[PathBuf]) -> anyhow::Result<Self> {
        // A process is an instance's host agent if its arguments name the instance's directory.
        let mut command = Command::new("sh");
        command.args(["-c", "read line", "agent"]).args(instances).stdin(Stdio::piped());
        let played = Self(command.spawn().context("cannot run sh")?);
        for dir in instances {
            let listener = UnixListener::bind(dir.join("ha.sock"))?;
            thread::spawn(move || listener.incoming().flatten().for_each(|one| answer(&one)));
            fs::write(dir.join("ha.pid"), format!("{}\n", played.0.id()))?;
        }
        Ok(played)
    }
}

/// The same to whatever is asked. A client that goes away is its own business.
fn answer(mut stream: &UnixStream) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    if lines.take_while(|line| !line.is_empty()).count() == 0 {
        return;
    }
    let length = STATUS.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{STATUS}");
}

impl Drop for Played {
    fn drop(&mut self) {
        // Already gone is fine, too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
