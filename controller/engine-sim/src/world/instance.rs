//! Instances.

use std::sync::Arc;

use limekiln_api::Lima;
use limekiln_engine::EngineError;
use limekiln_model::{
    Accelerator, Capabilities, InstancePhase, Mounted, Name, NetworkPhase, ObservedInstance,
};

use super::store::{World, refuse};

impl World {
    pub(super) fn fetch(&mut self, filled: &Lima) -> Result<(), EngineError> {
        let Some(image) = filled.usable_images().next() else {
            return Err(EngineError::permanent("no image of the template fits its architecture"));
        };
        self.cache.insert(image.location.clone());
        Ok(())
    }

    pub(super) fn fetch_containerd(&mut self, filled: &Lima) -> Result<(), EngineError> {
        let Some(archive) = filled.usable_archives().next() else {
            return Err(EngineError::permanent("no archive of containerd fits the architecture"));
        };
        self.cache.insert(archive.location.clone());
        Ok(())
    }

    pub(super) fn create_instance(
        &mut self,
        name: &Name,
        filled: &Arc<Lima>,
    ) -> Result<(), EngineError> {
        if let Some(there) = self.observed.instances.get(name)
            && there.phase != InstancePhase::Creating
        {
            let same = there.config.as_ref() == Some(filled);
            return if same { Ok(()) } else { refuse(format!("instance {name} exists")) };
        }
        let cached =
            filled.usable_images().next().is_some_and(|image| self.cache.contains(&image.location));
        if !cached {
            return refuse(format!("the image of {name} is not in the cache"));
        }
        for disk in filled.additional_disks.iter().flatten() {
            if !self.observed.disks.contains_key(disk.name.as_str()) {
                return refuse(format!("there is no disk {}", disk.name));
            }
        }
        self.put_stopped(name, Arc::clone(filled));
        Ok(())
    }

    /// Puts an instance there as it is when it was just made.
    pub fn put_stopped(&mut self, name: &Name, filled: Arc<Lima>) {
        let mut made = blank(name, InstancePhase::Stopped);
        made.disk_bytes = filled.disk.map(|disk| disk.0);
        made.config = Some(filled);
        self.observed.instances.insert(name.clone(), made.into());
    }

    pub(super) fn edit_instance(
        &mut self,
        name: &Name,
        filled: &Arc<Lima>,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let instance = self.instance(name)?;
        let Some(config) = &mut instance.config else {
            return refuse(format!("the configuration of {name} cannot be read"));
        };
        if filled.disk < config.disk && filled.disk.map(|disk| disk.0) < instance.disk_bytes {
            return refuse(format!("the disk of {name} would shrink"));
        }
        *config = Arc::clone(filled);
        if filled.mount_type.is_some_and(|kind| capabilities.live_mounts.contains(&kind)) {
            change_mounts(instance, filled);
        }
        Ok(())
    }

    pub(super) fn resize_instance(
        &mut self,
        name: &Name,
        to: u64,
        live: bool,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let instance = self.instance(name)?;
        if instance.disk_bytes.is_none_or(|bytes| bytes > to) {
            return refuse(format!("{name} has no disk, or it would shrink"));
        }
        let runs = instance.phase.is_running();
        if runs && !(live && capabilities.live_disk_resize) && instance.disk_bytes != Some(to) {
            return refuse(format!("{name} runs"));
        }
        instance.disk_bytes = Some(to);
        Ok(())
    }

    pub(super) fn take_snapshot(&mut self, name: &Name, tag: &str) -> Result<(), EngineError> {
        let instance = self.instance(name)?;
        let kept = (instance.config.clone(), instance.disk_bytes);
        self.snapshots.entry((name.clone(), tag.to_owned())).or_insert(kept);
        Ok(())
    }

    pub(super) fn restore_snapshot(&mut self, name: &Name, tag: &str) -> Result<(), EngineError> {
        let Some(kept) = self.snapshots.get(&(name.clone(), tag.to_owned())).cloned() else {
            return refuse(format!("{name} has no snapshot {tag}"));
        };
        let instance = self.instance(name)?;
        if instance.phase.is_running() {
            return refuse(format!("{name} runs"));
        }
        (instance.config, instance.disk_bytes) = kept;
        Ok(())
    }

    pub(super) fn start_driver(
        &mut self,
        name: &Name,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let phase = self.instance(name)?.phase.clone();
        match phase {
            InstancePhase::Booting | InstancePhase::Ready | InstancePhase::Degraded { .. } => {
                return Ok(());
            }
            InstancePhase::Stopping => return refuse(format!("{name} is being stopped")),
            InstancePhase::Broken { .. } if self.instance(name)?.booted.is_some() => {
                // Its VM lives, and gets a host agent again.
                self.instance(name)?.phase = InstancePhase::Booting;
                return Ok(());
            }
            _ => {}
        }
        let Some(config) = self.instance(name)?.config.clone() else {
            return Err(EngineError::permanent(format!("lima.yaml of {name} cannot be read")));
        };
        self.check_disks(name, &config)?;
        self.check_networks(&config, capabilities)?;
        let port = self.free_port(name, &config)?;
        self.take_disks(name, &config);
        let instance = self.instance(name)?;
        instance.phase = InstancePhase::Booting;
        instance.booted = Some(config);
        instance.ssh_port = Some(port);
        instance.accelerator = Some(Accelerator { name: "sim".to_owned(), fallback: None });
        Ok(())
    }

    fn check_disks(&self, name: &Name, config: &Lima) -> Result<(), EngineError> {
        for wanted in config.additional_disks.iter().flatten() {
            let Some(disk) = self.observed.disks.get(wanted.name.as_str()) else {
                return refuse(format!("there is no disk {}", wanted.name));
            };
            if let Some(user) = disk.in_use_by.as_ref().filter(|user| *user != name) {
                return refuse(format!("{user} uses disk {}", wanted.name));
            }
        }
        Ok(())
    }

    fn take_disks(&mut self, name: &Name, config: &Lima) {
        for wanted in config.additional_disks.iter().flatten() {
            if let Some(disk) = self.observed.disks.get_mut(wanted.name.as_str()) {
                disk.in_use_by = Some(name.clone());
            }
        }
    }

    fn check_networks(
        &self,
        config: &Lima,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let names = config.networks.iter().flatten().filter_map(|network| network.lima.as_deref());
        for name in names.filter(|_| capabilities.networks) {
            let network = self.observed.networks.get(name);
            if network.is_none_or(|network| network.phase != NetworkPhase::Running) {
                return refuse(format!("network {name} does not run"));
            }
        }
        Ok(())
    }

    fn free_port(&self, name: &Name, config: &Lima) -> Result<u16, EngineError> {
        let mut taken = vec![false; usize::from(u16::MAX) + 1];
        for (other, instance) in &self.observed.instances {
            if let Some(port) = instance.ssh_port.filter(|_| instance.phase.is_running()) {
                taken[usize::from(port)] |= other != name;
            }
        }
        let taken = |port: u16| taken[usize::from(port)];
        let fixed = config.ssh.as_ref().and_then(|ssh| ssh.local_port);
        match fixed.and_then(|port| u16::try_from(port.0).ok()).filter(|port| *port != 0) {
            Some(port) if taken(port) => refuse(format!("port {port} is taken")),
            Some(port) => Ok(port),
            None => {
                let mut ports = (60_000..=u16::MAX).chain(1024..60_000);
                ports.find(|port| !taken(*port)).map_or_else(|| refuse("no port is free"), Ok)
            }
        }
    }

    pub(super) fn await_ready(&mut self, name: &Name) -> Result<(), EngineError> {
        let instance = self.instance(name)?;
        match &instance.phase {
            InstancePhase::Booting => {
                instance.phase = InstancePhase::Ready;
                Ok(())
            }
            InstancePhase::Ready => Ok(()),
            InstancePhase::Degraded { errors } => Err(EngineError::permanent(errors.join("; "))),
            _ => refuse(format!("{name} does not run")),
        }
    }

    pub(super) fn mount(
        &mut self,
        name: &Name,
        mount_point: &str,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        let instance = self.ready(name)?;
        if !capabilities.mounts {
            return refuse("this engine does not mount");
        }
        let booted = instance.booted.iter().flat_map(|booted| booted.mounts.iter().flatten());
        if !{ booted }.any(|mount| mount.mount_point() == mount_point) {
            return refuse(format!("{name} was not started with {mount_point}"));
        }
        if !instance.mounts.iter().any(|mount| mount.mount_point == mount_point) {
            instance.mounts.push(Mounted { mount_point: mount_point.to_owned() });
        }
        Ok(())
    }

    pub(super) fn forward(
        &mut self,
        name: &Name,
        capabilities: &Capabilities,
    ) -> Result<(), EngineError> {
        self.ready(name)?;
        if capabilities.forwards { Ok(()) } else { refuse("this engine does not forward") }
    }

    pub(super) fn stop_instance(&mut self, name: &Name) -> Result<(), EngineError> {
        let instance = self.instance(name)?;
        if instance.config.is_none() && !instance.phase.is_running() && instance.booted.is_none() {
            return Ok(());
        }
        instance.phase = InstancePhase::Stopped;
        instance.booted = None;
        instance.ssh_port = None;
        instance.accelerator = None;
        instance.mounts.clear();
        for disk in self.observed.disks.values_mut() {
            if disk.in_use_by.as_ref() == Some(name) {
                disk.in_use_by = None;
            }
        }
        Ok(())
    }

    fn ready(&mut self, name: &Name) -> Result<&mut ObservedInstance, EngineError> {
        let instance = self.instance(name)?;
        if instance.phase == InstancePhase::Ready {
            Ok(instance)
        } else {
            refuse(format!("{name} is not ready"))
        }
    }

    /// The instance, if its guest is up, whole or not.
    pub(super) fn up(&mut self, name: &Name) -> Result<&mut ObservedInstance, EngineError> {
        let instance = self.instance(name)?;
        match instance.phase {
            InstancePhase::Ready | InstancePhase::Degraded { .. } => Ok(instance),
            _ => refuse(format!("{name} is not up")),
        }
    }

    /// The instance, if its making has finished.
    fn instance(&mut self, name: &Name) -> Result<&mut ObservedInstance, EngineError> {
        match self.observed.instance_mut(name) {
            None => refuse(format!("there is no instance {name}")),
            Some(instance) if instance.phase == InstancePhase::Creating => {
                refuse(format!("{name} was not made whole"))
            }
            Some(instance) => Ok(instance),
        }
    }
}

/// Takes away what is no longer wanted as it is in a running VM; what is new is mounted by another
/// action.
fn change_mounts(instance: &mut ObservedInstance, filled: &Lima) {
    let Some(booted) = &mut instance.booted else { return };
    if booted.mount_type != filled.mount_type {
        return;
    }
    let wanted = filled.mounts.as_deref().unwrap_or_default();
    let before = booted.mounts.as_deref().unwrap_or_default();
    let stays: Vec<_> = before.iter().filter(|mount| wanted.contains(mount)).collect();
    let stays = |mount: &Mounted| stays.iter().any(|one| one.mount_point() == mount.mount_point);
    instance.mounts.retain(stays);
    Arc::make_mut(booted).mounts.clone_from(&filled.mounts);
}

/// A directory and nothing else.
pub(super) fn blank(name: &Name, phase: InstancePhase) -> ObservedInstance {
    ObservedInstance {
        phase,
        creator: Default::default(),
        config: None,
        booted: None,
        disk_bytes: None,
        dir: format!("/sim/{name}").into(),
        ssh_port: None,
        accelerator: None,
        waiting_for: None,
        protected: false,
        mounts: Vec::new(),
        mount_faults: Vec::new(),
        nics: Vec::new(),
        vnc: None,
        raw_disk: false,
        live_disks: Default::default(),
        steps: Vec::new(),
    }
}
