//! What the engine, the files and the director share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use limekiln_model::{Action, ObjectId, Observed};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Duration, Instant};

use super::Incident;
use crate::oracle::Watch;
use crate::story::{Armed, Fault, Trigger};

/// So many older views are kept to be served again.
const VIEWS: usize = 6;
/// More actions than this are a storm.
const STORM: usize = 3_000;

/// An action that has begun.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) life: u64,
    pub(super) action: Action,
}

/// All of it.
pub struct State {
    /// Controllers that live.
    pub alive: BTreeSet<u64>,
    /// Those of them that are frozen.
    pub frozen: BTreeSet<u64>,
    /// Those of these that somebody took for dead.
    taken_for_dead: BTreeSet<u64>,
    /// Those that thawed after somebody else had taken over.
    pub replaced: BTreeSet<u64>,
    /// What may still go wrong in this chapter.
    pub armed: Vec<Armed>,
    /// What has gone wrong.
    pub fired: Vec<Fault>,
    /// Until when our own files cannot be written.
    pub full_until: Option<Instant>,
    /// Whose actions fail, and until when.
    pub failing: Option<(ObjectId, Fault, Instant)>,
    /// Which older view the next look shows.
    pub outdated: Option<usize>,
    /// What is held against the rules.
    pub watch: Watch,
    /// What was done, a line each.
    pub log: Vec<String>,
    /// Older views, the newest last.
    pub(super) views: VecDeque<Observed>,
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) begun: u64,
    actions: u32,
    looks: u32,
    writes: u32,
    incidents: UnboundedSender<Incident>,
}

impl State {
    pub(super) fn new(watch: Watch, incidents: UnboundedSender<Incident>) -> Self {
        Self {
            alive: BTreeSet::new(),
            frozen: BTreeSet::new(),
            taken_for_dead: BTreeSet::new(),
            replaced: BTreeSet::new(),
            armed: Vec::new(),
            fired: Vec::new(),
            full_until: None,
            failing: None,
            outdated: None,
            watch,
            log: Vec::new(),
            views: VecDeque::new(),
            flights: BTreeMap::new(),
            begun: 0,
            actions: 0,
            looks: 0,
            writes: 0,
            incidents,
        }
    }

    /// Begins a chapter: everything is counted anew.
    pub fn arm(&mut self, faults: &[Armed]) {
        self.armed = faults.to_vec();
        (self.actions, self.looks, self.writes) = (0, 0, 0);
    }

    /// The fault that is due at the next of these, if any.
    pub(super) fn due(&mut self, trigger: Trigger) -> Option<Armed> {
        let counter = match trigger {
            Trigger::Action => &mut self.actions,
            Trigger::Look => &mut self.looks,
            Trigger::Write => &mut self.writes,
            Trigger::Time | Trigger::Beginning => return None,
        };
        let now = *counter;
        *counter += 1;
        let due = |armed: &Armed| armed.fault.trigger() == trigger && armed.after <= now;
        let at = self.armed.iter().position(due)?;
        let armed = self.armed.remove(at);
        self.fire(armed.fault);
        Some(armed)
    }

    /// Notes that a fault took place.
    pub fn fire(&mut self, fault: Fault) {
        self.fired.push(fault);
        self.note(&format!("! {fault:?}"));
    }

    /// Adds a line to the log.
    pub fn note(&mut self, line: &str) {
        let at = self.watch.begun.elapsed().as_millis();
        self.log.push(format!("{at:>9} {line}"));
        if self.log.len() > STORM {
            self.watch.break_rule("a storm: thousands of actions".to_owned());
        }
    }

    /// The controller dies here.
    pub(super) fn die(&mut self, life: u64) {
        self.alive.remove(&life);
        self.note(&format!("life {life} dies"));
        let _ = self.incidents.send(Incident::Died);
    }

    /// All controllers die here: there is one that writes.
    pub(super) fn die_writing(&mut self) {
        let lives: Vec<_> = self.alive.difference(&self.frozen).copied().collect();
        lives.into_iter().for_each(|life| self.die(life));
    }

    pub(super) fn freeze(&mut self, life: u64, incident: Incident) {
        self.frozen.insert(life);
        if incident == Incident::TakenForDead {
            self.taken_for_dead.insert(life);
        }
        let _ = self.incidents.send(incident);
    }

    /// All that are frozen thaw.
    pub(super) fn thaw(&mut self) {
        let frozen = std::mem::take(&mut self.frozen);
        self.replaced.extend(frozen.intersection(&self.taken_for_dead));
    }

    /// One of the older views.
    pub(super) fn older(&self, which: usize) -> Option<Observed> {
        self.views.get(which % self.views.len().max(1)).cloned()
    }

    pub(super) fn view(&mut self, observed: Observed) {
        if self.views.len() == VIEWS {
            self.views.pop_front();
        }
        self.views.push_back(observed);
    }

    /// Whether an action has begun and not ended.
    pub fn is_at_work(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Whether something goes wrong over a time that is not over.
    pub fn is_disturbed(&self) -> bool {
        let now = Instant::now();
        let time = |armed: &Armed| armed.fault.trigger() == Trigger::Time;
        self.full_until.is_some_and(|until| until > now)
            || self.failing.as_ref().is_some_and(|(.., until)| *until > now)
            || !self.frozen.is_empty()
            || self.armed.iter().any(time)
    }

    /// All that goes wrong is over.
    pub fn heal(&mut self) {
        self.armed.clear();
        (self.full_until, self.failing, self.outdated) = (None, None, None);
    }

    pub(super) fn fail_for(&mut self, id: ObjectId, fault: Fault, time: Duration) {
        self.failing = Some((id, fault, Instant::now() + time));
    }
}
