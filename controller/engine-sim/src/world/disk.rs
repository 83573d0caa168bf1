//! Additional disks.

use limekiln_api::DiskSpec;
use limekiln_engine::EngineError;
use limekiln_model::{Capabilities, Name, ObservedDisk};

use super::store::{World, refuse};

impl World {
    pub(super) fn create_disk(&mut self, name: &Name, spec: &DiskSpec) -> Result<(), EngineError> {
        let disk = ObservedDisk { size: spec.size.0, format: spec.format, in_use_by: None };
        match self.observed.disks.get(name) {
            Some(there) if there.size == disk.size && there.format == disk.format => Ok(()),
            Some(_) => refuse(format!("another disk {name} exists")),
            None => {
                self.observed.disks.insert(name.clone(), disk);
                Ok(())
            }
        }
    }

    pub(super) fn resize_disk(
        &mut self,
        name: &Name,
        to: u64,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let Some(disk) = self.observed.disks.get_mut(name) else {
            return refuse(format!("there is no disk {name}"));
        };
        if disk.size > to {
            return refuse(format!("disk {name} would shrink"));
        }
        if let Some(user) = &disk.in_use_by
            && !capabilities.live_disk_resize
            && disk.size != to
        {
            return refuse(format!("{user} uses disk {name}"));
        }
        disk.size = to;
        Ok(())
    }
}
