//! Parked objects.

use limekiln_engine::EngineError;
use limekiln_model::{Kind, NetworkPhase, ObjectId, Parked};

use super::store::{Contents, World, refuse};

impl World {
    pub(super) fn park(&mut self, id: &ObjectId) -> Result<(), EngineError> {
        if !self.observed.exists(id) {
            let parked = self.observed.parked.iter().any(|parked| parked.id == *id);
            return if parked { Ok(()) } else { refuse(format!("there is no {id}")) };
        }
        let contents = self.take(id)?;
        let key = format!("{}-{}", id.name, self.observed.generation);
        let since = i64::try_from(self.clock_ms / 1000).unwrap_or(i64::MAX);
        self.observed.parked.push(Parked { id: id.clone(), key: key.clone(), since });
        self.trash.insert(format!("{}-{key}", id.kind), contents);
        Ok(())
    }

    pub(super) fn restore(&mut self, id: &ObjectId, key: &str) -> Result<(), EngineError> {
        let parked = |parked: &Parked| parked.id == *id && parked.key == key;
        if !self.observed.parked.iter().any(parked) {
            let done = self.observed.exists(id);
            return if done { Ok(()) } else { refuse(format!("{id} is not parked as {key}")) };
        }
        if self.observed.exists(id) {
            return refuse(format!("{id} exists"));
        }
        match self.trash.remove(&format!("{}-{key}", id.kind)) {
            Some(Contents::Instance(instance)) => {
                self.observed.instances.insert(id.name.clone(), instance);
            }
            Some(Contents::Disk(disk)) => {
                self.observed.disks.insert(id.name.clone(), disk);
            }
            Some(Contents::Network(network)) => {
                self.observed.networks.insert(id.name.clone(), network);
            }
            None => return refuse(format!("{id} was half removed")),
        }
        self.observed.parked.retain(|entry| !parked(entry));
        Ok(())
    }

    pub(super) fn purge(&mut self, id: &ObjectId, key: Option<&str>) -> Result<(), EngineError> {
        match key {
            Some(key) => {
                self.trash.remove(&format!("{}-{key}", id.kind));
                self.observed.parked.retain(|parked| !(parked.id == *id && parked.key == key));
            }
            None if self.observed.exists(id) => {
                self.take(id)?;
            }
            None => {}
        }
        Ok(())
    }

    pub(super) fn release(&mut self, id: &ObjectId) -> Result<(), EngineError> {
        if self.observed.exists(id) { Ok(()) } else { refuse(format!("there is no {id}")) }
    }

    /// Takes an object that rests out of the world.
    fn take(&mut self, id: &ObjectId) -> Result<Contents, EngineError> {
        let gone = || EngineError::precondition(format!("there is no {id}"));
        match id.kind {
            Kind::Instance => {
                let instance = self.observed.instances.get(&id.name).ok_or_else(gone)?;
                if instance.phase.is_running() || instance.booted.is_some() {
                    return refuse(format!("{id} runs"));
                }
                if instance.protected {
                    return refuse(format!("{id} is protected"));
                }
                let instance = self.observed.instances.remove(&id.name).ok_or_else(gone)?;
                Ok(Contents::Instance(instance))
            }
            Kind::Disk => {
                let disk = self.observed.disks.get(&id.name).ok_or_else(gone)?;
                if let Some(user) = &disk.in_use_by {
                    return refuse(format!("{user} uses {id}"));
                }
                self.observed.disks.remove(&id.name).map(Contents::Disk).ok_or_else(gone)
            }
            Kind::Network => {
                let network = self.observed.networks.get(&id.name).ok_or_else(gone)?;
                if network.phase == NetworkPhase::Running {
                    return refuse(format!("the daemon of {id} runs"));
                }
                self.observed.networks.remove(&id.name).map(Contents::Network).ok_or_else(gone)
            }
        }
    }
}
