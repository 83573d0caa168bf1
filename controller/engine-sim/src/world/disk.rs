//! Additional disks.

use std::sync::Arc;

use limekiln_api::lima::AdditionalDisk;
use limekiln_api::{DiskSpec, Lima};
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

    pub(super) fn attach_disk(
        &mut self,
        instance: &Name,
        name: &Name,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        if !capabilities.live_disks {
            return refuse("this engine plugs no disks in");
        }
        let running = self.up(instance)?;
        let wanted = running.config.as_deref().and_then(|config| attached(config, name).cloned());
        let Some(wanted) = wanted else {
            return refuse(format!("{instance} is not to have disk {name}"));
        };
        match self.observed.disks.get_mut(name) {
            None => return refuse(format!("there is no disk {name}")),
            Some(disk) => match &disk.in_use_by {
                Some(user) if user != instance => {
                    return refuse(format!("{user} uses disk {name}"));
                }
                _ => disk.in_use_by = Some(instance.clone()),
            },
        }
        self.change_booted_disks(instance, |disks| {
            disks.retain(|disk| disk.name != name.as_str());
            disks.push(wanted);
        })
    }

    pub(super) fn detach_disk(
        &mut self,
        instance: &Name,
        name: &Name,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        if !capabilities.live_disks {
            return refuse("this engine plugs no disks out");
        }
        self.up(instance)?;
        if let Some(disk) = self.observed.disks.get_mut(name)
            && disk.in_use_by.as_ref() == Some(instance)
        {
            disk.in_use_by = None;
        }
        self.change_booted_disks(instance, |disks| disks.retain(|disk| disk.name != name.as_str()))
    }

    fn change_booted_disks(
        &mut self,
        instance: &Name,
        change: impl FnOnce(&mut Vec<AdditionalDisk>),
    ) -> Result<(), EngineError> {
        if let Some(booted) = &mut self.up(instance)?.booted {
            change(Arc::make_mut(booted).additional_disks.get_or_insert_default());
        }
        Ok(())
    }
}

fn attached<'a>(config: &'a Lima, name: &Name) -> Option<&'a AdditionalDisk> {
    config.additional_disks.iter().flatten().find(|disk| disk.name == name.as_str())
}
