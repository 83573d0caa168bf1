//! Ports of the host that somebody else has.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use limekiln_api::Lima;
use limekiln_model::{Desired, Observed};

/// Of the TCP ports that the manifests ask for by number, those on which something other than
/// our instances listens.
pub(crate) fn taken(desired: &Desired, observed: &Observed) -> BTreeSet<u16> {
    let asked: BTreeSet<_> =
        desired.instances.values().flat_map(|wanted| asked(&wanted.spec.filled)).collect();
    if asked.is_empty() {
        return asked;
    }
    let own = own(observed);
    asked.into_iter().filter(|port| !own.contains(port) && is_taken(*port)).collect()
}

fn own(observed: &Observed) -> BTreeSet<u16> {
    let running = observed.instances.values().filter(|instance| instance.phase.is_running());
    running
        .flat_map(|instance| {
            let config = instance.booted.as_deref().or(instance.config.as_deref());
            config.into_iter().flat_map(asked).chain(instance.ssh_port)
        })
        .collect()
}

/// The ports that are used as soon as the instance runs; 0 lets the host choose.
fn asked(filled: &Lima) -> Vec<u16> {
    let ssh = filled.ssh.as_ref().and_then(|ssh| ssh.local_port);
    let forwards = filled.port_forwards.iter().flatten();
    let fixed = forwards
        .filter(|forward| forward.static_ == Some(true) && forward.ignore != Some(true))
        .filter_map(|forward| forward.host_port);
    ssh.into_iter()
        .chain(fixed)
        .filter_map(|port| u16::try_from(port.0).ok())
        .filter(|port| *port != 0)
        .collect()
}

/// Whether listening on it fails because somebody does. Other failures, such as a port that needs
/// privileges, are not ours to judge.
fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}
