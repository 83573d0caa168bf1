//! How soon a port that somebody opens in the guest answers on the host.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::free_ports::free_ports;
use super::home::{Home, instance, tiny_template};
use super::row::Row;
use crate::workspace;

/// So many for each figure.
const PORTS: usize = 24;
/// The first of the guest's, and the first of those that nobody forwards.
const FIRST: u16 = 9000;
const UNFORWARDED: u16 = 20000;
/// The guest agent looks less often after 10 s without a change.
const QUIET: Duration = Duration::from_secs(11);
/// Between two tries of the port on the host.
const PAUSE: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(30);

/// The median from the word to a shell in the guest, which starts a program that listens, until a
/// client on the host has that program's answer: while ports come one after the other, and each
/// after a pause. The floor is the median until the shell says that the program listens.
///
/// # Errors
/// The guest doesn't boot, or a port never answers.
pub fn rows() -> anyhow::Result<Vec<Row>> {
    let home = Home::new()?;
    let hosts = free_ports(2 * PORTS)?;
    start(&home, &hosts)?;
    let mut opener = Opener::new(&home)?;
    let floor =
        (UNFORWARDED..).take(PORTS).map(|port| opener.listens(port)).collect::<Result<_, _>>()?;
    let mut opened = (FIRST..).zip(&hosts);
    let mut times = |pause: Duration| -> anyhow::Result<Vec<f64>> {
        let some = opened.by_ref().take(PORTS);
        some.map(|(guest, &host)| {
            sleep(pause);
            opener.open(guest, host)
        })
        .collect()
    };
    let busy = times(Duration::ZERO)?;
    let quiet = times(QUIET)?;
    Ok(vec![
        row("ports: floor, open to listening", floor),
        row("ports: open to reachable, median", busy),
        row("ports: after a pause", quiet),
    ])
}

fn start(home: &Home, hosts: &[u16]) -> anyhow::Result<()> {
    let guest = workspace::target().join("guest/tiny-x86_64");
    let mut template = tiny_template(&guest);
    template += "    portForwards:\n";
    for (guest, host) in (FIRST..).zip(hosts) {
        template += &format!("    - {{guestPort: {guest}, hostPort: {host}}}\n");
    }
    let last = UNFORWARDED + PORTS as u16 - 1;
    template += &format!("    - {{guestPortRange: [{UNFORWARDED}, {last}], ignore: true}}\n");
    let manifest = home.write("ports.yaml", &instance("ports", "Always", &template))?;
    home.run(&["apply", "-f", &manifest.display().to_string(), "--yes"])?;
    Ok(())
}

fn row(name: &'static str, mut times: Vec<f64>) -> Row {
    times.sort_by(f64::total_cmp);
    let (least, most) = (times[0], times[times.len() - 1]);
    eprintln!("{name}: {} ports, {least:.0} to {most:.0} ms", times.len());
    Row { name, value: times[times.len() / 2], unit: "ms", bound: 300.0 }
}

/// A shell in the guest that opens the ports that it is told, and says when one listens if that is
/// asked: looking takes time from who else looks.
struct Opener {
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
    fn new(home: &Home) -> anyhow::Result<Self> {
        let mut shell = home.limekiln(&["shell", "ports", "--", "sh", "-c", SCRIPT]);
        let log = File::create(home.lima().join("shell.log"))?;
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let words = shell.stdin.take().context("the shell has no input")?;
        let answers = shell.stdout.take().context("the shell has no output")?;
        Ok(Self { shell, words, answers: BufReader::new(answers) })
    }

    /// Milliseconds until the guest says that the port listens.
    fn listens(&mut self, guest: u16) -> anyhow::Result<f64> {
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
    fn open(&mut self, guest: u16, host: u16) -> anyhow::Result<f64> {
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
