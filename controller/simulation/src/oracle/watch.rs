//! Rules about single actions, minded while a story is played.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use limekiln_engine::{EngineError, ErrorClass};
use limekiln_model::{Action, InstancePhase, Kind, ObjectId, Observed};
use tokio::time::Instant;

use super::{Shelf, allowed};
use crate::story::{Catalogue, Machine, Source, Story};

/// After this long a controller that lives has seen what was published, and acts on nothing older.
pub(super) const SEEN: Duration = Duration::from_secs(600);

/// What was published at one moment.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The manifests.
    pub catalogue: Catalogue,
    /// When.
    pub at: Instant,
    /// Which objects there were.
    pub existed: BTreeSet<ObjectId>,
    /// From which source what was ours came before, and with it.
    pub owners: [BTreeMap<ObjectId, usize>; 2],
    /// Whether a source could not be seen.
    pub hidden: bool,
    /// Of which sources somebody has acknowledged that much goes with it.
    pub acknowledged: BTreeSet<usize>,
}

/// Everything that actions are held against.
pub struct Watch {
    /// When the story began.
    pub begun: Instant,
    /// Which manifests were published.
    pub shelf: Shelf,
    /// What was in force so far.
    pub revisions: Vec<Revision>,
    /// What is suspended by hand, and since when.
    pub suspended: BTreeMap<ObjectId, Instant>,
    /// What somebody has ordered something with, that is not done yet.
    pub ordered: BTreeSet<ObjectId>,
    /// The manifest that somebody applies by an order.
    pub applying: Option<Machine>,
    /// What was applied so, and that no source has spoken of since.
    pub applied: BTreeSet<ObjectId>,
    /// What somebody ordered to delete.
    pub deleted: BTreeSet<ObjectId>,
    /// Who else has objects here.
    pub strangers: BTreeSet<ObjectId>,
    /// What may be deleted for each source.
    pub sources: Vec<Source>,
    /// Whether people are faster than the controller.
    pub rapid: bool,
    /// Whether somebody has stopped or deleted something with other tools.
    pub by_hand: bool,
    /// Whether a claim was lost, so that nobody knows any more how much was ours.
    pub claim_lost: bool,
    /// Whether a file is torn without which nobody knows what may be done.
    pub torn: bool,
    /// How often each virtual machine began to run.
    pub boots: BTreeMap<ObjectId, u32>,
    /// How many actions were begun.
    pub actions: usize,
    /// How many were refused because something did not hold.
    pub refusals: Vec<String>,
    /// What is parked, and since when by a clock that nobody sets.
    pub(super) parked: BTreeMap<(ObjectId, String), Instant>,
    broken: Vec<String>,
}

impl Watch {
    /// A watch over a story.
    pub fn new(story: &Story, begun: Instant) -> Self {
        Self {
            begun,
            shelf: Shelf::new(story.sources.len()),
            revisions: Vec::new(),
            suspended: BTreeMap::new(),
            ordered: BTreeSet::new(),
            applying: None,
            applied: BTreeSet::new(),
            deleted: BTreeSet::new(),
            strangers: story.strangers.ids(),
            sources: story.sources.clone(),
            rapid: story.rapid,
            by_hand: false,
            claim_lost: false,
            torn: false,
            boots: BTreeMap::new(),
            actions: 0,
            refusals: Vec::new(),
            parked: BTreeMap::new(),
            broken: Vec::new(),
        }
    }

    /// Notes that a rule was broken.
    pub fn break_rule(&mut self, what: String) {
        if self.broken.len() < 20 && !self.broken.contains(&what) {
            self.broken.push(what);
        }
    }

    /// The rules that were broken.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// Manifests are published.
    pub fn publish(&mut self, catalogue: &Catalogue, existed: BTreeSet<ObjectId>, hidden: bool) {
        self.shelf.publish(catalogue);
        self.take_effect(existed, hidden);
    }

    /// From now on counts what the shelf says.
    pub fn take_effect(&mut self, existed: BTreeSet<ObjectId>, hidden: bool) {
        let catalogue = self.shelf.in_force();
        let spoken_of = catalogue.ids();
        self.applied.retain(|id| !spoken_of.contains(id));
        let before = self.current().map(|last| last.owners[1].clone()).unwrap_or_default();
        let mut after = before.clone();
        after.extend(catalogue.owners());
        let (at, owners, acknowledged) = (Instant::now(), [before, after], BTreeSet::new());
        let revision = Revision { catalogue, at, existed, owners, hidden, acknowledged };
        self.revisions.push(revision);
    }

    /// What is in force.
    pub fn current(&self) -> Option<&Revision> {
        self.revisions.last()
    }

    /// What was wanted of an instance so far, by the revisions that speak of it.
    pub(super) fn wishes(&self, id: &ObjectId) -> impl Iterator<Item = &Machine> {
        let name = id.name.clone();
        let revisions = self.revisions.iter();
        revisions.filter_map(move |revision| revision.catalogue.machine(name.as_str()))
    }

    /// An action begins.
    pub fn action(&mut self, action: &Action, world: &Observed) {
        self.actions += 1;
        if let Some(why) = allowed::check(self, action, world) {
            self.break_rule(format!("{} {}: {why}", action.verb(), action.object()));
        }
    }

    /// An action has had its effect, or was refused.
    pub fn effect(
        &mut self,
        action: &Action,
        refused: Option<&EngineError>,
        before: &Observed,
        now: &Observed,
    ) {
        let id = action.object();
        if let Some(error) = refused.filter(|error| error.class == ErrorClass::Precondition) {
            self.refusals.push(format!("{} {id}: {}", action.verb(), error.chain()));
        }
        let phase = |observed: &Observed| {
            let found = observed.instances.get(&id.name).filter(|_| id.kind == Kind::Instance);
            found.map(|instance| instance.phase.clone())
        };
        let begins = matches!(action, Action::StartDriver { .. })
            && matches!(phase(before), Some(InstancePhase::Stopped))
            && !matches!(phase(now), Some(InstancePhase::Stopped));
        if begins {
            *self.boots.entry(id).or_default() += 1;
        }
        self.nothing_shrinks(before, now);
        for one in &now.parked {
            let key = (one.id.clone(), one.key.clone());
            self.parked.entry(key).or_insert_with(Instant::now);
        }
    }

    fn nothing_shrinks(&mut self, before: &Observed, now: &Observed) {
        for (name, disk) in &before.disks {
            if now.disks.get(name).is_some_and(|now| now.size < disk.size) {
                self.break_rule(format!("disk {name} has shrunk"));
            }
        }
    }
}
