//! What people do, and how the controller learns of it.

use std::sync::Arc;
use std::time::Duration;

use limekiln_api::lima::Int;
use limekiln_model::{Action, Capabilities, Name, ObjectId, StopMode};
use limekiln_reconciler::{OfSource, Requests};
use tokio::time::{Instant, sleep};

use super::director::Director;
use crate::oracle::Revision;
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
        if let (true, Deed::Publish(catalogue)) = (half, deed) {
            self.machine.publish_half(catalogue, catalogue.files.len())?;
            self.wake();
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
            self.wake();
        }
        Ok(if *deed == Deed::Wait { Duration::from_secs(24 * 3_600) } else { Duration::ZERO })
    }

    async fn perform(&mut self, deed: &Deed) -> anyhow::Result<()> {
        // What a controller repairs that cannot see its manifests depends on how long it has run.
        let repaired =
            matches!(deed, Deed::Start(_) | Deed::Stop(_) | Deed::Edit(_) | Deed::Delete(_));
        if repaired && self.hidden {
            return Ok(());
        }
        match deed {
            Deed::Publish(catalogue) => self.publish(catalogue)?,
            Deed::EmptyDirectory => self.publish(&Catalogue::default())?,
            Deed::HideDirectory => {
                self.hidden = true;
                self.machine.hide()?;
            }
            Deed::Acknowledge => self.acknowledge()?,
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

    fn publish(&mut self, catalogue: &Catalogue) -> anyhow::Result<()> {
        self.machine.publish(catalogue)?;
        self.hidden = false;
        let existed = self.machine.look().ids().collect();
        let revision = Revision {
            catalogue: catalogue.clone(),
            at: Instant::now(),
            existed,
            acknowledged: false,
        };
        self.machine.lock().watch.revisions.push(revision);
        Ok(())
    }

    fn acknowledge(&mut self) -> anyhow::Result<()> {
        // What a controller does not see now it may have seen before, or not.
        let Some(life) = self.lives.last().filter(|_| !self.hidden) else { return Ok(()) };
        let planned = life.handle.state().borrow().planned.clone();
        let Some(revision) = planned.map(|planned| planned.desired.revision.clone()) else {
            return Ok(());
        };
        self.request(|requests| {
            requests.deletions.insert(OfSource::any(revision));
        })?;
        let mut state = self.machine.lock();
        if let Some(last) = state.watch.revisions.last_mut() {
            last.acknowledged = true;
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

    /// What was published last.
    pub(super) fn catalogue(&self) -> Catalogue {
        let state = self.machine.lock();
        state.watch.current().map(|revision| revision.catalogue.clone()).unwrap_or_default()
    }
}
