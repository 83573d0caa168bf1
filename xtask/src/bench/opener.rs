//! Ports that are opened in a guest.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::home::Home;

/// Between two tries of the port on the host.
const PAUSE: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(30);

/// A shell in the guest that opens the ports that it is told, and says when one listens if that is
/// asked: looking takes time from who else looks.
pub(super) struct Opener {
    shell: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
}

const SCRIPT: &str = "while read port says; do
    nc -ll -p $port -e echo $port >/dev/null 2>&1 &
    [ -n \"$says\" ] || continue
    until grep -q \":$(printf %04X $port) .* 0A \" /proc/net/tcp /proc/net/tcp6; do :; done
    echo $port
done";

impl Opener {
    /// In the guest of this instance.
    ///
    /// # Errors
    /// There is no shell.
    pub(super) fn new(home: &Home, name: &str) -> anyhow::Result<Self> {
        let mut shell = home.limekiln(&["shell", name, "--", "sh", "-c", SCRIPT]);
        let log = File::create(home.lima().join("shell.log"))?;
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let words = shell.stdin.take().context("the shell has no input")?;
        let answers = shell.stdout.take().context("the shell has no output")?;
        Ok(Self { shell, words, answers: BufReader::new(answers) })
    }

    /// Milliseconds until the guest says that the port listens.
    ///
    /// # Errors
    /// It says something else.
    pub(super) fn listens(&mut self, guest: u16) -> anyhow::Result<f64> {
        let start = Instant::now();
        writeln!(self.words, "{guest} says")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.trim() != guest.to_string() {
            bail!("instead of port {guest} the guest says {line:?}");
        }
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }

    /// Milliseconds until the port answers.
    ///
    /// # Errors
    /// It does not for too long.
    pub(super) fn open(&mut self, guest: u16, host: u16) -> anyhow::Result<f64> {
        let start = Instant::now();
        writeln!(self.words, "{guest}")?;
        while !answers(host, guest) {
            if start.elapsed() > DEADLINE {
                bail!("port {guest} of the guest does not answer");
            }
            sleep(PAUSE);
        }
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        // Already gone is fine, too.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// Whether the guest's program says its port.
fn answers(host: u16, guest: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", host)) else { return false };
    let mut text = String::new();
    let waits = stream.set_read_timeout(Some(DEADLINE)).is_ok();
    waits && stream.read_to_string(&mut text).is_ok() && text.trim() == guest.to_string()
}
