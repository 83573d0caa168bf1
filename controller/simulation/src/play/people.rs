//! What people do, and how the controller learns of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use limekiln_api::lima::Int;
use limekiln_model::{Action, Capabilities, Name, ObjectId, StopMode};
use limekiln_reconciler::{History, OfSource, Requests};
use tokio::time::{Instant, sleep};

use super::director::Director;
use crate::host::source_name;
use crate::oracle::is_kept_as;
use crate::story::{Catalogue, Deed, Fault};

/// How long a writer takes who is seen half-way, and a message that is late.
const MINUTES: Duration = Duration::from_secs(130);

impl Director<'_> {
    /// Does the deed. Returns how long it takes until everything of it can be seen.
    pub(super) async fn announce(&mut self, deed: &Deed) -> anyhow::Result<Duration> {
        let has = |fault: Fault| {
            let mut state = self.machine.lock();
            let at = state.armed.iter().position(|armed| armed.fault == fault);
            let armed = at.map(|at| state.armed.remove(at));
            if armed.is_some() {
                state.fire(fault);
            }
            armed.is_some()
        };
        let (half, lost) = (has(Fault::HalfWritten), has(Fault::LostWake));
        let (doubled, late) = (has(Fault::DoubledWake), has(Fault::LateWake));
        // What is pushed is there as a whole or not at all.
        if let (true, false, Deed::Publish(catalogue)) = (half, self.story.has_git(), deed) {
            self.machine.publish_half(catalogue, catalogue.files.len())?;
            self.announce_and_wake().await;
            sleep(MINUTES).await;
        }
        self.perform(deed).await?;
        if late {
            sleep(MINUTES).await;
        }
        if doubled {
            for _ in 0..20 {
                self.wake();
                sleep(Duration::from_millis(3)).await;
            }
        }
        if !lost {
            self.announce_and_wake().await;
        }
        Ok(if *deed == Deed::Wait { Duration::from_secs(24 * 3_600) } else { Duration::ZERO })
    }

    async fn perform(&mut self, deed: &Deed) -> anyhow::Result<()> {
        // What a controller repairs that cannot see its manifests depends on how long it has run.
        let repaired =
            matches!(deed, Deed::Start(_) | Deed::Stop(_) | Deed::Edit(_) | Deed::Delete(_));
        if repaired && !self.hidden.is_empty() && !self.is_known() {
            return Ok(());
        }
        match deed {
            Deed::Publish(catalogue) => self.publish(catalogue)?,
            Deed::EmptyDirectory(source) => {
                let latest = self.machine.lock().watch.shelf.latest();
                self.publish(&latest.without(*source))?;
            }
            Deed::HideDirectory(source) => {
                self.hidden.insert(*source);
                self.machine.hide(*source)?;
            }
            Deed::ForcePush(catalogue) => {
                self.machine.force_push(catalogue)?;
                self.hidden.insert(0);
            }
            Deed::AcknowledgeRewind(catalogue) => self.acknowledge_rewind(catalogue)?,
            Deed::RollBack { source, back } => self.roll_back(*source, *back)?,
            Deed::Release => self.release()?,
            Deed::Order(ordered) => self.order(*ordered).await?,
            Deed::Acknowledge(source) => self.acknowledge(*source)?,
            Deed::Suspend(id) => {
                self.request(|requests| {
                    requests.suspended.insert(id.clone());
                })?;
                let mut state = self.machine.lock();
                state.watch.suspended.entry(id.clone()).or_insert_with(Instant::now);
            }
            Deed::Resume => {
                self.request(|requests| requests.suspended.clear())?;
                self.machine.lock().watch.suspended.clear();
            }
            Deed::Start(name) => self.begin(name),
            Deed::Stop(name) => self.stop(name),
            Deed::Edit(name) => self.edit(name),
            Deed::Delete(name) => {
                self.stop(name);
                self.machine.outside(|world| world.observed.instances.remove(*name));
                // Its name is free now, whoever had it.
                let id = ObjectId::instance(&Name::new(*name)?);
                self.machine.lock().watch.strangers.remove(&id);
            }
            Deed::Wait => {}
        }
        Ok(())
    }

    /// Whether what cannot be seen is known all the same: of repositories, what they last held is
    /// kept.
    pub(super) fn is_known(&self) -> bool {
        self.hidden.iter().all(|source| self.story.sources[*source].git)
    }

    /// Puts manifests in place. Of several directories those stay as they are in which nothing is
    /// new, also where they cannot be seen.
    fn publish(&mut self, catalogue: &Catalogue) -> anyhow::Result<()> {
        let before = self.machine.lock().watch.shelf.latest();
        let sources = self.story.sources.len();
        for source in 0..sources {
            if sources == 1 || !catalogue.is_same_in(source, &before) {
                self.machine.publish(source, catalogue)?;
                self.hidden.remove(&source);
            }
        }
        let existed = self.machine.look().ids().collect();
        let hidden = !self.hidden.is_empty();
        self.machine.lock().watch.publish(catalogue, existed, hidden);
        Ok(())
    }

    /// Goes back to what a source held earlier, as whoever asks the controller to.
    fn roll_back(&mut self, source: usize, back: usize) -> anyhow::Result<()> {
        let Some(life) = self.lives.last().filter(|_| self.hidden.is_empty()) else {
            return Ok(());
        };
        let to = self.machine.lock().watch.shelf.earlier(source, back).cloned();
        let Some(to) = to else { return Ok(()) };
        let (home, identity) = (self.machine.home(), self.identity(source));
        let all = History::new(&home).read()?;
        let kept = all.iter().find(|one| one.source == identity && is_kept_as(&to, &one.files));
        let Some(kept) = kept else {
            let what = format!("revision {back} before the last of {identity} is not kept");
            self.machine.lock().watch.break_rule(what);
            return Ok(());
        };
        let planned = life.handle.state().borrow().planned.clone();
        let now = planned.and_then(|planned| planned.desired.revisions.get(&identity).cloned());
        Requests::roll_back(&home, &all, kept, now.as_deref())?;
        let existed = self.machine.look().ids().collect();
        let mut state = self.machine.lock();
        state.watch.shelf.roll_back(source, &to);
        state.watch.take_effect(existed, false);
        Ok(())
    }

    /// Consents to the commit that a rewritten branch leads to.
    fn acknowledge_rewind(&mut self, catalogue: &Catalogue) -> anyhow::Result<()> {
        let tip = self.machine.tip().context("the branch leads nowhere")?;
        let rewind = OfSource::new(self.identity(0), tip);
        self.request(|requests| {
            requests.rewinds.insert(rewind);
        })?;
        self.hidden.remove(&0);
        let existed = self.machine.look().ids().collect();
        self.machine.lock().watch.publish(catalogue, existed, false);
        Ok(())
    }

    fn release(&mut self) -> anyhow::Result<()> {
        if self.hidden.is_empty() {
            Requests::release(&self.machine.home())?;
            let existed = self.machine.look().ids().collect();
            let mut state = self.machine.lock();
            state.watch.shelf.release();
            state.watch.take_effect(existed, false);
        }
        Ok(())
    }

    /// What a source is called.
    fn identity(&self, source: usize) -> String {
        if self.story.sources[source].git {
            return format!("git:{}", source_name(source));
        }
        self.machine.manifests(source).to_string_lossy().into_owned()
    }

    fn acknowledge(&mut self, source: Option<usize>) -> anyhow::Result<()> {
        // What a controller does not see now it may have seen before, or not.
        let Some(life) = self.lives.last().filter(|_| self.hidden.is_empty()) else {
            return Ok(());
        };
        let planned = life.handle.state().borrow().planned.clone();
        let Some(planned) = planned else { return Ok(()) };
        let deletion = match source {
            None => OfSource::any(planned.desired.revision.clone()),
            Some(source) => {
                let source = self.identity(source);
                let Some(revision) = planned.desired.revisions.get(&source) else { return Ok(()) };
                OfSource::new(source, revision.clone())
            }
        };
        self.request(|requests| {
            requests.deletions.insert(deletion);
        })?;
        let all: Vec<_> =
            source.map_or_else(|| (0..self.story.sources.len()).collect(), |one| vec![one]);
        let mut state = self.machine.lock();
        if let Some(last) = state.watch.revisions.last_mut() {
            last.acknowledged.extend(all);
        }
        Ok(())
    }

    fn request(&self, change: impl FnOnce(&mut Requests)) -> anyhow::Result<()> {
        Requests::change(&self.machine.home(), change)?;
        Ok(())
    }

    fn begin(&self, name: &str) {
        let Ok(instance) = Name::new(name) else { return };
        let steps =
            [Action::StartDriver { instance: instance.clone() }, Action::AwaitReady { instance }];
        let can = Capabilities { networks: true, ..Capabilities::default() };
        self.machine.outside(|world| {
            let mut started = world.clone();
            if steps.iter().all(|step| started.apply(step, &can).is_ok()) {
                *world = started;
            }
        });
    }

    fn stop(&self, name: &str) {
        let Ok(instance) = Name::new(name) else { return };
        let stop = Action::StopInstance { instance, mode: StopMode::Force };
        self.machine.lock().watch.by_hand = true;
        self.machine.outside(|world| {
            if world.observed.instances.contains_key(name) {
                // The simulated engine can always stop.
                let _ = world.apply(&stop, &Capabilities::default());
            }
        });
    }

    fn edit(&self, name: &str) {
        self.machine.outside(|world| {
            let instance = world.observed.instances.get_mut(name);
            if let Some(config) =
                instance.and_then(|instance| Arc::make_mut(instance).config.as_mut())
            {
                Arc::make_mut(config).cpus = Some(Int(7));
            }
        });
    }

    /// What is in force.
    pub(super) fn catalogue(&self) -> Catalogue {
        let state = self.machine.lock();
        state.watch.current().map(|revision| revision.catalogue.clone()).unwrap_or_default()
    }
}
