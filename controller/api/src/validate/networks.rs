//! Rules about network interfaces.
//!
//! Whether the network exists, and whether this host can have one of its kind, is the planner's
//! to say: it knows the networks.

use std::collections::BTreeMap;

use super::checks::{Checks, PathKind};
use super::findings::Findings;
use crate::lima::InstanceNetwork;
use crate::{Lima, Name, plain_mac};

/// Linux's `IFNAMSIZ`, with the terminating zero.
const INTERFACE_MAX: usize = 16;

pub(super) fn check(lima: &Lima, checks: &Checks<'_>, findings: &mut Findings) {
    let mut seen = BTreeMap::new();
    for (index, network) in lima.networks.iter().flatten().enumerate() {
        let path = format!("networks[{index}]");
        way(&path, network, lima.vm_type.as_deref(), checks, findings);
        mac(&path, network, findings);
        let earlier =
            lima.networks.iter().flatten().take(index).position(|other| meet(other, network));
        if let Some(earlier) = earlier {
            let (field, other) = (format!("{path}.macAddress"), format!("networks[{earlier}]"));
            let message = "another card on the same network has this address, too";
            findings.conflict(field, &other, message, "give each its own, or leave it out");
        }
        let Some(interface) = network.interface.as_deref() else { continue };
        name(&path, interface, findings);
        if let Some(earlier) = seen.insert(interface, index) {
            let (field, other) = (format!("{path}.interface"), format!("networks[{earlier}]"));
            let message = format!("another interface is called {interface} in the guest, too");
            findings.conflict(field, &other, message, "choose another name");
        }
    }
}

fn way(
    path: &str,
    network: &InstanceNetwork,
    driver: Option<&str>,
    checks: &Checks<'_>,
    findings: &mut Findings,
) {
    let ways = [network.lima.is_some(), network.socket.is_some(), network.vz_nat == Some(true)];
    match ways.iter().filter(|way| **way).count() {
        0 => findings.error(
            path,
            "nothing says where the interface leads",
            "add `lima` with the name of a network, or `socket`, or `vzNAT: true`",
        ),
        1 => {}
        _ => findings.error(
            path,
            "only one of `lima`, `socket` and `vzNAT` is possible",
            "remove the others, or write another interface for each",
        ),
    }
    if let Some(Err(error)) = network.lima.as_deref().map(Name::new) {
        findings.error(format!("{path}.lima"), error.to_string(), "write the name of a Network");
    }
    if network.vz_nat == Some(true) && driver == Some("qemu") {
        let hint = "use `lima: user-v2`, or `vmType: vz`";
        findings.warning(format!("{path}.vzNAT"), "the driver qemu has no such thing", hint);
    }
    let Some(socket) = network.socket.as_deref() else { return };
    match checks.kind(socket) {
        PathKind::File | PathKind::Directory | PathKind::Other => {
            let hint = "name the socket of a running network daemon";
            findings.error(format!("{path}.socket"), format!("{socket} is no socket"), hint);
        }
        PathKind::Inaccessible => {
            let message = format!("{socket} cannot be looked at");
            findings.error(format!("{path}.socket"), message, "give yourself access to it");
        }
        PathKind::Socket | PathKind::Missing | PathKind::Unknown => {}
    }
}

fn name(path: &str, interface: &str, findings: &mut Findings) {
    let field = format!("{path}.interface");
    if interface == "eth0" {
        let hint = "choose another name, such as lima0";
        findings.error(field, "eth0 is the built-in interface", hint);
    } else if interface.len() >= INTERFACE_MAX {
        let message = format!("has {} bytes, at most 15 are possible", interface.len());
        findings.error(field, message, "choose a shorter name");
    } else if interface.contains([' ', '\t', '\n', '/']) {
        findings.error(field, "cannot contain spaces and `/`", "choose another name");
    }
}

/// Whether two cards have one address on one network: what is for one would go to the other.
fn meet(one: &InstanceNetwork, other: &InstanceNetwork) -> bool {
    let both = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    let plain = |network: &InstanceNetwork| network.mac_address.as_deref().and_then(plain_mac);
    (both(&one.lima, &other.lima) || both(&one.socket, &other.socket))
        && both(&plain(one), &plain(other))
}

/// Go's forms of an address with 6 bytes.
fn mac(path: &str, network: &InstanceNetwork, findings: &mut Findings) {
    let Some(mac) = network.mac_address.as_deref() else { return };
    if plain_mac(mac).is_none() {
        let hint = "write six pairs of hexadecimal digits, such as 52:55:55:12:34:56";
        findings.error(format!("{path}.macAddress"), format!("{mac:?} is no MAC address"), hint);
    }
}
