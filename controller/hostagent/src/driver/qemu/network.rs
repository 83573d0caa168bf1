//! Network cards on QEMU's command line, and their other ends while it runs.
//!
//! Before 8.0 QEMU does not connect a socket again when the other side is gone. Such a card is put
//! behind a hub of its own: the hub's other port can be taken away and added again while the guest
//! runs, and the card keeps its end.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::args::{Args, escaped};
use super::machine_type;
use super::qmp::{HumanMonitor, NetdevAdd, NetdevDel, Qmp, QmpError};
use crate::spec::{Link, Nic, Reconnect, VmSpec};

/// The first descriptor that QEMU gets beside its standard ones: the taps of bridges, in order.
pub(super) const FIRST_TAP: i32 = 3;

/// A connection to a daemon that serves is made so soon, if it is.
const MADE: Duration = Duration::from_secs(3);
/// How often it is looked whether it is.
const LOOK: Duration = Duration::from_millis(20);

/// Cards and their other ends.
pub(super) fn network(args: &mut Args, spec: &VmSpec) {
    let bus = machine_type::virtio_bus(spec.arch);
    let mut tap = FIRST_TAP..;
    for (hub, nic) in spec.nics.iter().enumerate() {
        let id = &nic.id;
        match &nic.link {
            Link::User => args.pair("-netdev", user(id, spec.ssh_port)),
            Link::UserV2(_) | Link::Socket(_) => stream(args, spec.reconnect, hub, nic),
            Link::Bridge(_) => {
                let fd = tap.next().unwrap_or_default();
                args.pair("-netdev", format!("tap,id={id},fd={fd}"));
            }
            Link::Tap(name) => {
                args.pair("-netdev", format!("tap,id={id},ifname={name},script=no,downscript=no"));
            }
        }
        args.pair("-device", format!("virtio-net-{bus},netdev={id},mac={}", nic.mac));
    }
}

fn user(id: &str, port: u16) -> String {
    format!(
        "user,id={id},net=192.168.5.0/24,dhcpstart=192.168.5.15,hostfwd=tcp:127.0.0.1:{port}-:22"
    )
}

fn stream(args: &mut Args, reconnect: Reconnect, hub: usize, nic: &Nic) {
    let Some(socket) = nic.link.socket() else { return };
    let again = match reconnect {
        Reconnect::ByHostAgent => "",
        Reconnect::Seconds => ",reconnect=1",
        Reconnect::Milliseconds => ",reconnect-ms=200",
    };
    let behind_hub = reconnect == Reconnect::ByHostAgent;
    let id = if behind_hub { ends(&nic.id).link } else { nic.id.clone() };
    let mut value = OsString::from(format!("stream,id={id},server=off,addr.type=unix,addr.path="));
    value.push(escaped(&socket));
    value.push(again);
    args.pair("-netdev", value);
    if behind_hub {
        let Ends { link, port } = ends(&nic.id);
        args.pair("-netdev", format!("hubport,id={port},hubid={hub},netdev={link}"));
        args.pair("-netdev", format!("hubport,id={},hubid={hub}", nic.id));
    }
}

/// What stands between a card and its socket.
struct Ends {
    /// The connection.
    link: String,
    /// The hub's port that it is at.
    port: String,
}

fn ends(id: &str) -> Ends {
    Ends { link: format!("{id}-link"), port: format!("{id}-port") }
}

/// Gives each of these cards a new connection, if its own is broken and QEMU does not see to that
/// itself. Returns how many got one.
///
/// A connection that is still being made looks as one that is broken, and QEMU 7.2 crashes when it
/// is taken away then: where that may be, `patience` is how long it has to come to its end.
///
/// # Errors
/// QEMU does not answer, or refuses.
pub(super) async fn connect_again(
    qmp: &Path,
    spec: &VmSpec,
    network: &str,
    patience: Duration,
) -> Result<usize, QmpError> {
    let mut qmp = Qmp::connect(qmp).await?;
    let mut count = 0;
    for (hub, nic) in spec.nics.iter().enumerate() {
        let belongs = nic.link.user_v2().is_some_and(|link| link.name == network)
            || matches!(&nic.link, Link::Socket(_)) && network.is_empty();
        let Some(socket) = nic.link.socket().filter(|_| belongs) else { continue };
        if stands_within(&mut qmp, &nic.id, patience).await? {
            continue;
        }
        let Ends { link, port } = ends(&nic.id);
        // What an earlier try left half done may not be there.
        for id in [&port, &link] {
            let _ = qmp.execute(&NetdevDel { id }).await;
        }
        let address = json!({"type": "unix", "path": socket});
        let stream = json!({"type": "stream", "id": link, "server": false, "addr": address});
        qmp.execute(&NetdevAdd(stream)).await?;
        let end = json!({"type": "hubport", "id": port, "hubid": hub, "netdev": link});
        qmp.execute(&NetdevAdd(end)).await?;
        // Whoever comes next finds it made, or broken.
        stands_within(&mut qmp, &nic.id, MADE).await?;
        count += 1;
    }
    Ok(count)
}

/// Whether the card is connected, or need not be, or is so after a while.
async fn stands_within(qmp: &mut Qmp, id: &str, patience: Duration) -> Result<bool, QmpError> {
    let until = Instant::now() + patience;
    loop {
        let shown = qmp.execute(&HumanMonitor { line: "info network" }).await?;
        if !is_broken(&shown, id) {
            return Ok(true);
        }
        if Instant::now() >= until || has_failed(&shown, id) {
            return Ok(false);
        }
        sleep(LOOK).await;
    }
}

/// Whether QEMU says that the connection could not be made.
fn has_failed(shown: &str, id: &str) -> bool {
    let link = format!("{}:", ends(id).link);
    shown.lines().any(|line| line.contains(&link) && line.contains("error"))
}

/// Whether the card is behind a hub of ours, with no connection at the hub's other port. QEMU
/// shows `unix:PATH` behind a connection that stands.
fn is_broken(shown: &str, id: &str) -> bool {
    let Ends { link, port } = ends(id);
    let of_hub = |line: &str| {
        let port = line.trim_start_matches([' ', '\\']).starts_with(&format!("{id}:"));
        // Without a hub the card itself comes first, and its other end below it.
        port && line.contains("type=nic")
    };
    let stands = |line: &str| line.contains(&format!("{port}: {link}:")) && line.contains("unix:");
    let behind_hub = shown.lines().any(|line| line.starts_with(' ') && of_hub(line));
    behind_hub && !shown.lines().any(stands)
}

/// How a QEMU of this version connects its sockets again.
pub(super) fn reconnect(version: [u32; 3]) -> Reconnect {
    match version {
        _ if version >= [9, 2, 0] => Reconnect::Milliseconds,
        _ if version >= [8, 0, 0] => Reconnect::Seconds,
        _ => Reconnect::ByHostAgent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As QEMU 7.2 prints it.
    const STANDS: &str = "hub 0\n \\ net0-port: net0-link: index=0,type=stream,unix:/d.sock\n \\ net0: virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52\n";

    #[test]
    fn a_broken_connection_is_known_by_what_qemu_shows() {
        assert!(!is_broken(STANDS, "net0"));
        assert!(is_broken(&STANDS.replace("unix:/d.sock", ""), "net0"));
        let half = "hub 0\n \\ net0: virtio-net-pci.0: index=0,type=nic\nnet0-link: index=0,type=stream,\n";
        assert!(is_broken(half, "net0"));
        let direct = "virtio-net-pci.0: index=0,type=nic\n \\ net0: index=0,type=stream,\n";
        assert!(!is_broken(direct, "net0"), "QEMU does it itself");
        assert!(!is_broken("", "net0"));
    }

    #[test]
    fn versions_tell_who_connects_again() {
        for (version, who) in [
            ([7, 2, 22], Reconnect::ByHostAgent),
            ([8, 0, 0], Reconnect::Seconds),
            ([9, 1, 2], Reconnect::Seconds),
            ([9, 2, 0], Reconnect::Milliseconds),
            ([10, 0, 2], Reconnect::Milliseconds),
            ([0, 0, 0], Reconnect::ByHostAgent),
        ] {
            assert_eq!(reconnect(version), who, "{version:?}");
        }
    }
}
