//! Ports and sockets of the host that two instances want, or that somebody else has.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use limekiln_api::Lima;
use limekiln_api::lima::{HostPlace, Listening, Protocol};
use limekiln_model::{Name, Note, ObjectId, WaitReason};

use crate::conflicts::written;
use crate::draft::Draft;
use crate::held::Held;
use crate::meetings::{Claim, rivals};
use crate::scene::Scene;

/// Holds the start of instances of which one could not have what it listens on from its start on,
/// and notes what may come to be wanted twice. `starts` tells whose start it is about; the others
/// are there.
pub(crate) fn check<'a>(
    scene: &Scene<'_>,
    runners: impl Iterator<Item = (&'a Name, &'a Lima)>,
    starts: impl Fn(&Name) -> bool,
    held: &mut Held,
    draft: &mut Draft,
) {
    let wants = runners.enumerate().flat_map(|(owner, (name, lima))| {
        lima.listening().map(move |listening| Want { owner, name, listening })
    });
    let wants: Vec<_> = wants.collect();
    let claim = |want: &Want<'_>| Claim {
        owner: want.owner,
        place: want.listening.place.clone(),
        always: want.listening.always,
    };
    let claims: Vec<_> = wants.iter().map(claim).collect();
    let mut told = Told::default();
    for (want, rivals) in wants.iter().zip(rivals(&claims)) {
        if !starts(want.name) {
            continue;
        }
        let always = rivals.always.map(|rival| &wants[rival]);
        let perhaps = rivals.perhaps.map(|rival| &wants[rival]);
        match always.filter(|_| want.listening.always) {
            Some(rival) if told.held(want, rival) => clash(scene, want, rival, held, draft),
            Some(_) => {}
            None => {
                if let Some(rival) = always.or(perhaps).filter(|rival| told.noted(want, rival)) {
                    note(scene, want, rival, draft);
                }
            }
        }
        taken(scene, want, held, draft);
    }
}

/// Who and which of its rules.
type Asker = (usize, Option<usize>);

/// What is told already: a rule that is for TCP and UDP is told once, and what only may come to be
/// for one of the two.
#[derive(Default)]
struct Told {
    held: BTreeSet<(Asker, Asker)>,
    noted: BTreeSet<(Asker, Asker)>,
}

impl Told {
    /// Whether that is new.
    fn held(&mut self, want: &Want<'_>, rival: &Want<'_>) -> bool {
        self.held.insert((want.asker(), rival.asker()))
    }

    fn noted(&mut self, want: &Want<'_>, rival: &Want<'_>) -> bool {
        let (one, two) = (want.asker(), rival.asker());
        self.noted.insert((one.min(two), one.max(two)))
    }
}

/// What an instance wants.
struct Want<'a> {
    owner: usize,
    name: &'a Name,
    listening: Listening,
}

impl Want<'_> {
    fn asker(&self) -> Asker {
        (self.owner, self.listening.rule)
    }

    fn id(&self) -> ObjectId {
        ObjectId::instance(self.name)
    }

    /// The field, and where it is written.
    fn written(&self, scene: &Scene<'_>) -> String {
        match self.listening.rule {
            Some(rule) => written(scene, self.name, &format!("portForwards[{rule}]")),
            None => written(scene, self.name, "ssh.localPort"),
        }
    }

    /// What to give one of the two another of.
    fn field(&self) -> &'static str {
        match (&self.listening.place, self.listening.rule) {
            (_, None) => "ssh.localPort",
            (HostPlace::Ports { .. }, Some(_)) => "hostPort",
            (HostPlace::Socket(_), Some(_)) => "hostSocket",
        }
    }
}

/// Those that run already go on, also where only the VM does; neither of them is started.
fn clash(scene: &Scene<'_>, want: &Want<'_>, rival: &Want<'_>, held: &mut Held, draft: &mut Draft) {
    if !is_half(scene, want.name) {
        held.hold_start(want.name);
    }
    let over = shared(&want.listening.place, &rival.listening.place);
    let reason = WaitReason::Conflict { with: rival.id(), over };
    draft.report.add(want.id(), reason, Some(ways_out(scene, want, rival)));
}

fn note(scene: &Scene<'_>, want: &Want<'_>, rival: &Want<'_>, draft: &mut Draft) {
    let shared = shared(&want.listening.place, &rival.listening.place);
    let text = format!("may want {shared} as {} does: whichever listens first has it", rival.id());
    draft.report.note(want.id(), Note { text, hint: ways_out(scene, want, rival) });
}

fn ways_out(scene: &Scene<'_>, want: &Want<'_>, rival: &Want<'_>) -> String {
    if want.listening.rule.is_none() && rival.listening.rule.is_none() {
        return "give one of them another ssh.localPort".to_owned();
    }
    let fields = match (want.field(), rival.field()) {
        (one, two) if one == two => one.to_owned(),
        _ => "hostPort or ssh.localPort".to_owned(),
    };
    let places = [want, rival].map(|one| one.written(scene));
    format!("give one of them another {fields}: {}", places.join(" and "))
}

/// What is in both.
fn shared(one: &HostPlace, two: &HostPlace) -> String {
    match (one, two) {
        (
            HostPlace::Ports { protocol, first, last, .. },
            HostPlace::Ports { first: from, last: to, .. },
        ) => ports(*protocol, *first.max(from), *last.min(to)),
        (HostPlace::Socket(path), _) | (_, HostPlace::Socket(path)) => {
            let path: PathBuf = path.components().collect();
            format!("socket {} of the host", path.display())
        }
    }
}

fn ports(protocol: Protocol, first: u16, last: u16) -> String {
    let udp = if protocol == Protocol::Udp { "UDP " } else { "" };
    match first == last {
        true => format!("host {udp}port {first}"),
        false => format!("host {udp}ports {first} to {last}"),
    }
}

/// A stranger listens on it. An instance of ours that listens on it itself is no stranger.
fn taken(scene: &Scene<'_>, want: &Want<'_>, held: &mut Held, draft: &mut Draft) {
    let Some(port) = taken_port(scene, &want.listening).filter(|port| !has(scene, want, *port))
    else {
        return;
    };
    held.hold_start(want.name);
    let why = format!("something else listens on port {port} of this host");
    let hint = match want.listening.rule {
        None => "stop that program, or choose another ssh.localPort".to_owned(),
        Some(_) => {
            format!("stop that program, or choose another hostPort: {}", want.written(scene))
        }
    };
    draft.report.add(want.id(), WaitReason::Host { why }, Some(hint));
}

/// The first port at 127.0.0.1 that somebody else has.
fn taken_port(scene: &Scene<'_>, listening: &Listening) -> Option<u16> {
    let HostPlace::Ports { protocol: Protocol::Tcp, ip, first, last } = listening.place else {
        return None;
    };
    let there = ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST;
    let taken = &scene.observed.host.as_ref().filter(|_| there && listening.always)?.taken_ports;
    taken.range(first..=last).next().copied()
}

/// Whether the instance has the port itself. Of forwards its host agent tells what it cannot have.
fn has(scene: &Scene<'_>, want: &Want<'_>, port: u16) -> bool {
    scene.observed.instances.get(want.name).is_some_and(|instance| match want.listening.rule {
        None if instance.phase.is_running() => instance.ssh_port == Some(port),
        _ => instance.phase.is_running() || is_half(scene, want.name),
    })
}

/// Its VM lives without a host agent, and listens on what it did.
fn is_half(scene: &Scene<'_>, name: &Name) -> bool {
    let instance = scene.observed.instances.get(name);
    instance.is_some_and(|instance| instance.phase.is_broken())
}
