//! Ports of the host that somebody else has.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

use limekiln_api::Lima;
use limekiln_api::lima::{HostPlace, Protocol};
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

/// What running instances listen on, or may, also where only the VM lives. Forwards change while
/// they run, so what they were booted with counts as what is stored does.
fn own(observed: &Observed) -> BTreeSet<u16> {
    let living = observed.instances.values().filter(|instance| instance.phase.may_live());
    living
        .flat_map(|instance| {
            let configs = instance.booted.iter().chain(&instance.config);
            configs.flat_map(|config| named(config, false)).chain(instance.ssh_port)
        })
        .collect()
}

/// The TCP ports at 127.0.0.1 that are used as soon as the instance runs.
fn asked(filled: &Lima) -> impl Iterator<Item = u16> + '_ {
    named(filled, true)
}

/// So many ports of an instance are looked at: its host agent forwards no more.
const MOST: usize = 2048;

fn named(filled: &Lima, always: bool) -> impl Iterator<Item = u16> + '_ {
    let places = filled.listening().filter(move |one| one.always || !always);
    let ports = places.filter_map(|one| match one.place {
        HostPlace::Ports { protocol: Protocol::Tcp, ip, first, last }
            if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST =>
        {
            Some(first..=last)
        }
        _ => None,
    });
    ports.flatten().take(MOST)
}

/// Whether listening on it fails because somebody does. Other failures, such as a port that needs
/// privileges, are not ours to judge.
fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}
