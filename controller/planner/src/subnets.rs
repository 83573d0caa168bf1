//! Subnets that overlap: of two networks, or of a network and the host.
//!
//! A guest on both would not know where an address is, and one on a network that covers the
//! host's own reaches nothing of that. Only what is about to be defined is held back: a network
//! that works goes on when the host gets another interface, and with the definition that it has
//! when the one that it is to get cannot be. One that is defined by somebody else,
//! does not run and that no instance is to use is in nobody's way, but for a guest that would be on
//! both: see [`on_both`].

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use limekiln_api::{Lima, NetworkSpec, subnets_overlap};
use limekiln_model::{Name, NetworkPhase, ObjectId, WaitReason};

use crate::draft::Draft;
use crate::held::Held;
use crate::networks::definition;
use crate::scene::Scene;
use crate::uses;

const HINT: &str = "give it the gateway of a subnet that nothing else uses";

/// Holds networks whose subnets overlap with others.
pub(crate) fn check(scene: &Scene<'_>, held: &mut Held, draft: &mut Draft) {
    if !scene.capabilities.networks {
        return;
    }
    // One that keeps its definition may be in the way of another that was to have its subnet.
    loop {
        let clashes = clashes(scene, held);
        if clashes.is_empty() {
            return;
        }
        for (name, reason) in clashes {
            held.refuse_definition(scene, name);
            draft.report.add(ObjectId::network(name), reason, Some(HINT.to_owned()));
        }
    }
}

/// Networks that cannot be given their definitions, and why.
fn clashes<'a>(scene: &Scene<'a>, held: &Held) -> Vec<(&'a Name, WaitReason)> {
    let mut clashes = Vec::new();
    for (name, wanted) in &scene.desired.networks {
        let there = scene.observed.networks.get(name).map(|there| &there.spec);
        let Some(subnet) = wanted.spec.subnet().filter(|_| there != Some(&wanted.spec)) else {
            continue;
        };
        if held.holds_definition(name) {
            continue;
        }
        if let Some((other, theirs)) = other_network(scene, held, name, subnet) {
            let over = format!("its subnet: {subnet} and {theirs} overlap");
            let reason = WaitReason::Conflict { with: ObjectId::network(other), over };
            clashes.push((name, reason));
        } else if let Some((interface, theirs)) = of_host(scene, &wanted.spec) {
            let why = format!(
                "its subnet {subnet} overlaps with {theirs} of this host's interface {interface}"
            );
            clashes.push((name, WaitReason::Host { why }));
        }
    }
    clashes
}

/// Why a guest cannot be started on its networks, and what can be done: two of them overlap. Their
/// definitions may be older than their meeting in one guest, or be the work of another tool.
pub(crate) fn on_both(scene: &Scene<'_>, held: &Held, lima: &Lima) -> Option<(String, String)> {
    let mut before: Vec<(Name, Ipv4Net)> = Vec::new();
    for name in uses::networks(lima) {
        let Some(subnet) = definition(scene, held, &name).and_then(NetworkSpec::subnet) else {
            continue;
        };
        let found = before
            .iter()
            .find(|(other, theirs)| *other != name && subnets_overlap(subnet, *theirs));
        if let Some((other, theirs)) = found {
            let why = format!(
                "it is on network/{other} and network/{name}, and their subnets {theirs} and \
                 {subnet} overlap: it would not know where an address is"
            );
            return Some((
                why,
                "put it on one of them, or give one of them another gateway".into(),
            ));
        }
        before.push((name, subnet));
    }
    None
}

/// Another network of the manifests, or one of the host that runs or is to, with that subnet.
fn other_network<'a>(
    scene: &Scene<'a>,
    held: &Held,
    name: &Name,
    subnet: Ipv4Net,
) -> Option<(&'a Name, Ipv4Net)> {
    let desired = scene.desired.networks.iter().map(|(name, wanted)| (name, &wanted.spec));
    // Whether it runs already must not matter: a run that was cut short may have started it.
    let wanted = scene.desired.instances.values();
    let used: BTreeSet<_> = wanted.flat_map(|wanted| uses::networks(&wanted.spec.filled)).collect();
    let running = scene.observed.networks.iter().filter(|(name, network)| {
        (network.phase == NetworkPhase::Running || used.contains(*name))
            && (!scene.desired.networks.contains_key(*name) || held.holds_definition(name))
    });
    let running = running.map(|(name, network)| (name, &network.spec));
    let others = desired.chain(running).filter(|(other, _)| *other != name);
    let mut subnets = others.filter_map(|(other, spec)| Some((other, spec.subnet()?)));
    subnets.find(|(_, theirs)| subnets_overlap(subnet, *theirs))
}

fn of_host<'a>(scene: &Scene<'a>, spec: &NetworkSpec) -> Option<(&'a str, Ipv4Net)> {
    spec.overlap_with_host(&scene.observed.host.as_ref()?.interfaces)
}
