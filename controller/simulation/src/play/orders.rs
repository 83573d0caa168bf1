//! What is ordered of the controller beside the manifests.

use std::collections::BTreeSet;

use limekiln_model::{Capabilities, ObjectId};

use super::client::{Client, Served};
use super::director::Director;
use crate::story::{Catalogue, Ordered, Verb};

impl Director<'_> {
    /// Somebody begins to order it, if it can be done at all.
    pub(super) async fn order(&mut self, ordered: Ordered) -> anyhow::Result<()> {
        if !self.hidden.is_empty() {
            return Ok(());
        }
        let client = Client::new(&self.machine, &self.counter, ordered);
        let Ok(planned) = client.plan().await else { return Ok(()) };
        let actions: Vec<_> = planned.plan.steps.iter().map(|step| &step.action).collect();
        let can = Capabilities { networks: true, ..Capabilities::default() };
        let possible = self
            .machine
            .try_out(|world| actions.iter().all(|action| world.apply(action, &can).is_ok()));
        if actions.is_empty() || !possible {
            return Ok(());
        }
        let objects: BTreeSet<_> = actions.iter().map(|action| action.object()).collect();
        // What is used may be faulty itself, and is then left alone whoever orders.
        let faulty = self.catalogue().frozen();
        let used_is_faulty = objects.iter().any(|id| *id != ordered.id() && faulty.contains(id));
        let refused = self.is_against(&ordered) || used_is_faulty;
        {
            let mut state = self.machine.lock();
            state.watch.ordered = objects;
            if ordered.verb == Verb::Delete {
                state.watch.deleted.insert(ordered.id());
            }
            let takes_away = matches!(ordered.verb, Verb::Stop | Verb::Delete);
            state.watch.by_hand |= takes_away && !refused;
            state.watch.applying = ordered.manifest();
            state.note(&format!("somebody orders {ordered:?}"));
        }
        self.client = Some((ordered, refused, tokio::spawn(client.persist())));
        Ok(())
    }

    /// Whether the manifests would put back what is ordered.
    fn is_against(&self, ordered: &Ordered) -> bool {
        let (catalogue, id) = (self.catalogue(), ordered.id());
        let (suspended, foreign) = {
            let watch = &self.machine.lock().watch;
            // What is not ours is left alone by who keeps the manifests.
            (watch.suspended.contains_key(&id), watch.strangers.contains(&id) && !self.adopt)
        };
        is_kept(&catalogue, &id, suspended) && !foreign && !is_wanted(&catalogue, ordered)
    }

    /// Whether nobody orders anything any more.
    pub(super) async fn is_served(&mut self) -> anyhow::Result<bool> {
        let Some((ordered, refused, client)) = self.client.take() else { return Ok(true) };
        if !client.is_finished() {
            self.client = Some((ordered, refused, client));
            return Ok(false);
        }
        let served = client.await?;
        if served == Served::Done && !refused {
            self.is_applied(&ordered);
        }
        let mut state = self.machine.lock();
        state.note(&format!("{ordered:?}: {served:?}"));
        state.watch.ordered.clear();
        state.watch.applying = None;
        match served {
            Served::GaveUp(why) => {
                state.watch.break_rule(format!("{ordered:?} came to no end: {why}"));
            }
            Served::Done if refused => {
                state.watch.break_rule(format!("{ordered:?} was done against the manifests"));
            }
            Served::Refused if !refused => {
                state.watch.break_rule(format!("{ordered:?} was refused"));
            }
            _ => {}
        }
        Ok(true)
    }

    /// What was applied is there as it was written, and ours; no source takes it away.
    fn is_applied(&self, ordered: &Ordered) {
        let Some(manifest) = ordered.manifest() else { return };
        let (id, observed) = (ordered.id(), self.machine.look());
        let config = observed.instances.get(&id.name).and_then(|found| found.config.as_ref());
        let is_there = config.is_some_and(|config| manifest.is_in(config));
        let (ours, speaks) = (self.owned().contains(&id), self.catalogue().ids().contains(&id));
        let watch = &mut self.machine.lock().watch;
        if !watch.claim_lost && !watch.strangers.contains(&id) {
            if !is_there {
                watch.break_rule(format!("{id} was applied, and is not what was"));
            } else if !ours {
                watch.break_rule(format!("{id} was applied, and is nobody's"));
            }
        }
        if !speaks {
            watch.applied.insert(id);
        }
    }
}

fn is_kept(catalogue: &Catalogue, id: &ObjectId, suspended: bool) -> bool {
    let machine = catalogue.machine(id.name.as_str());
    let faulty = catalogue.frozen().contains(id);
    machine.is_some_and(|machine| !suspended && (faulty || !machine.suspend))
}

/// Whether it ends as its manifest wants it.
fn is_wanted(catalogue: &Catalogue, ordered: &Ordered) -> bool {
    let strategy = catalogue.machine(ordered.instance).map(|machine| machine.strategy);
    !catalogue.frozen().contains(&ordered.id())
        && match ordered.verb {
            Verb::Start => strategy != Some("Halted"),
            Verb::Stop => strategy != Some("Always"),
            Verb::Delete | Verb::Apply => false,
        }
}
