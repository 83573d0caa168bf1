//! How soon a port that somebody opens in the guest answers on the host.

use std::thread::sleep;
use std::time::Duration;

use super::free_ports::free_ports;
use super::home::{Home, instance, tiny_template};
use super::opener::Opener;
use super::row::Row;
use crate::workspace;

/// So many for each figure.
const PORTS: usize = 24;
/// The first of the guest's, and the first of those that nobody forwards.
const FIRST: u16 = 9000;
const UNFORWARDED: u16 = 20000;
/// The guest agent looks less often after 10 s without a change.
const QUIET: Duration = Duration::from_secs(11);

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
    let mut opener = Opener::new(&home, "ports")?;
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
