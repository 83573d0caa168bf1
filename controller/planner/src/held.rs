//! Objects on which nothing, or not everything, may be done.

use std::collections::BTreeSet;

use limekiln_model::{Name, ObjectId, WaitReason};

use crate::draft::Draft;
use crate::networks;
use crate::scene::Scene;

/// What may not be done.
#[derive(Default)]
pub(crate) struct Held {
    whole: BTreeSet<ObjectId>,
    definition: BTreeSet<Name>,
    start: BTreeSet<Name>,
}

impl Held {
    /// Nothing is done to the object.
    pub(crate) fn hold(&mut self, id: ObjectId) {
        self.whole.insert(id);
    }

    /// The network keeps the definition that it has, and goes on with it.
    fn hold_definition(&mut self, network: &Name) {
        self.definition.insert(network.clone());
    }

    /// The network is not given the definition that it is to have: one that is there goes on with
    /// its own, and of another nothing is done.
    pub(crate) fn refuse_definition(&mut self, scene: &Scene<'_>, network: &Name) {
        if scene.observed.networks.contains_key(network) {
            self.hold_definition(network);
        } else {
            self.hold(ObjectId::network(network));
        }
    }

    /// The instance is not started.
    pub(crate) fn hold_start(&mut self, name: &Name) {
        self.start.insert(name.clone());
    }

    /// Whether nothing may be done to the object.
    pub(crate) fn holds(&self, id: &ObjectId) -> bool {
        self.whole.contains(id)
    }

    /// Whether the network may not be given another definition.
    pub(crate) fn holds_definition(&self, network: &Name) -> bool {
        self.definition.contains(network) || self.whole.contains(&ObjectId::network(network))
    }

    /// Whether the instance may not be started.
    pub(crate) fn holds_start(&self, name: &Name) -> bool {
        self.start.contains(name) || self.whole.contains(&ObjectId::instance(name))
    }
}

/// Holds what is frozen, suspended, or not ours.
pub(crate) fn initial(scene: &Scene<'_>, draft: &mut Draft) -> Held {
    let mut held = Held::default();
    for (id, frozen) in &scene.desired.frozen {
        held.hold(id.clone());
        let hint = Some(format!("mend {}", frozen.origin.file.display()));
        draft.report.add(id.clone(), WaitReason::Frozen { why: frozen.why.clone() }, hint);
    }
    for id in scene.desired.ids() {
        if !scene.is_ours(&id) {
            held.hold(id.clone());
            draft.report.add(
                id,
                WaitReason::NotOurs,
                Some("take it over with `limekiln apply --adopt`".to_owned()),
            );
        }
    }
    let by_manifest = scene.desired.instances.iter().filter(|(_, wanted)| wanted.spec.spec.suspend);
    let by_manifest = by_manifest.map(|(name, _)| ObjectId::instance(name));
    let all = by_manifest.chain(scene.desired.suspended.iter().cloned());
    let suspended: BTreeSet<_> = all.filter(|id| scene.desired.is_suspended(id)).collect();
    for id in suspended {
        held.hold(id.clone());
        let by_hand = scene.desired.suspended.contains(&id);
        let hint = by_hand.then(|| format!("`limekiln resume {id}` ends that"));
        draft.report.add(id, WaitReason::Suspended, hint);
    }
    for (name, network) in &scene.observed.networks {
        let Some(why) = &network.unreadable else { continue };
        let id = ObjectId::network(name);
        if scene.desired.mentions(&id) {
            let hint = Some(networks::UNREADABLE.to_owned());
            draft.report.add(id.clone(), WaitReason::Host { why: why.clone() }, hint);
        }
        held.hold(id);
    }
    report_elsewhere(scene, draft);
    held
}

/// An instance of ours whose manifest has moved it to another host. What is on its disk may not
/// be there yet, so it is for a person to delete.
fn report_elsewhere(scene: &Scene<'_>, draft: &mut Draft) {
    for (name, elsewhere) in &scene.desired.elsewhere {
        let id = ObjectId::instance(name);
        if scene.exists(&id) && scene.observed.owners.contains_key(&id) {
            let why = format!("its hostSelector asks for another {}", elsewhere.label);
            let hint = format!("once it is not needed here: `limekiln delete {id}`");
            draft.report.add(id, WaitReason::Host { why }, Some(hint));
        }
    }
}
