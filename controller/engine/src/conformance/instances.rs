//! An instance's life: made, started, stopped, changed, grown, started again, parked, brought
//! back, removed.

use std::sync::Arc;

use limekiln_api::{ByteSize, DeletionPolicy, DiskFormat, DiskSpec, Lima};
use limekiln_model::{Action, InstancePhase, Name, ObjectId, ObservedInstance, Parked, StopMode};

use super::probe::Probe;

pub(super) async fn life(probe: &Probe<'_>) {
    let subject =
        Subject { probe, name: probe.harness.name("web"), disk: probe.harness.name("data") };
    subject.make().await;
    subject.first_boot().await;
    subject.change_while_stopped().await;
    subject.second_boot().await;
    subject.park_and_restore().await;
    subject.remove().await;
}

struct Subject<'a> {
    probe: &'a Probe<'a>,
    name: Name,
    disk: Name,
}

impl Subject<'_> {
    async fn now(&self) -> Arc<ObservedInstance> {
        let observed = self.probe.observe().await;
        observed.instances.get(&self.name).cloned().expect("the instance is observed")
    }

    fn id(&self) -> ObjectId {
        ObjectId::instance(&self.name)
    }

    fn start(&self) -> Action {
        Action::StartDriver { instance: self.name.clone() }
    }

    fn stop(&self, mode: StopMode) -> Action {
        Action::StopInstance { instance: self.name.clone(), mode }
    }

    fn grow(&self, to: u64) -> Action {
        Action::ResizeInstanceDisk { instance: self.name.clone(), from: None, to, live: false }
    }

    fn create(&self, template: &Lima, filled: &Lima) -> Action {
        Action::CreateInstance {
            instance: self.name.clone(),
            template: Arc::new(template.clone()),
            filled: Arc::new(filled.clone()),
        }
    }

    async fn make(&self) {
        let (template, filled) = self.probe.harness.template(&self.name, Some(&self.disk));
        let spec = DiskSpec {
            size: ByteSize::mib(64),
            format: DiskFormat::Qcow2,
            deletion_policy: DeletionPolicy::Delete,
        };
        let fetch =
            Action::FetchImage { instance: self.name.clone(), filled: Arc::new(filled.clone()) };
        self.probe.twice(fetch).await;
        self.probe.refused(self.create(&template, &filled)).await;
        self.probe.done(Action::CreateDisk { disk: self.disk.clone(), spec }).await;
        self.probe.twice(self.create(&template, &filled)).await;
        let made = self.now().await;
        assert_eq!(made.phase, InstancePhase::Stopped, "a made instance is stopped");
        assert_eq!(made.config.as_deref(), Some(&filled), "its configuration is what was asked");
        assert!(made.disk_bytes.is_some(), "it has a disk of its own");
        assert_eq!(made.booted, None, "it does not run");
        let mut other = (template, filled);
        (other.0.message, other.1.message) = (Some("other".into()), Some("other".into()));
        self.probe.refused(self.create(&other.0, &other.1)).await;
        let wait = Action::AwaitReady { instance: self.name.clone() };
        self.probe.refused(wait).await;
    }

    async fn first_boot(&self) {
        self.probe.twice(self.start()).await;
        let running = self.now().await;
        assert!(running.phase.is_running(), "a started instance runs: {:?}", running.phase);
        assert_eq!(running.booted, running.config, "it was started with its configuration");
        let user = self.probe.observe().await.disks.get(&self.disk).cloned();
        let user = user.and_then(|disk| disk.in_use_by);
        assert_eq!(user.as_ref(), Some(&self.name), "its disk is in use");
        self.probe.twice(Action::AwaitReady { instance: self.name.clone() }).await;
        let ready = self.now().await;
        assert_eq!(ready.phase, InstancePhase::Ready, "it is ready");
        assert!(ready.ssh_port.is_some(), "it can be reached");
        self.what_a_running_one_refuses(&ready).await;
        self.probe.twice(self.stop(StopMode::Graceful)).await;
        assert_eq!(self.now().await.phase, InstancePhase::Stopped, "it is stopped");
        let user = self.probe.observe().await.disks.get(&self.disk).cloned();
        assert_eq!(user.and_then(|disk| disk.in_use_by), None, "its disk is free");
    }

    async fn what_a_running_one_refuses(&self, ready: &ObservedInstance) {
        self.probe.refused(Action::Park { object: self.id() }).await;
        self.probe.refused(Action::Purge { object: self.id(), key: None }).await;
        self.probe.refused(Action::Park { object: ObjectId::disk(&self.disk) }).await;
        let bytes = ready.disk_bytes.unwrap_or_default();
        self.probe.refused(self.grow(bytes + (1 << 30))).await;
        let size = Action::ResizeDisk {
            disk: self.disk.clone(),
            from: ByteSize::mib(64).0,
            to: ByteSize::mib(128).0,
            format: DiskFormat::Qcow2,
        };
        if self.probe.engine().capabilities().live_disk_resize {
            self.grows_while_it_runs(size, bytes).await;
        } else {
            self.probe.refused(size).await;
        }
        if self.probe.engine().capabilities().live_disks {
            self.plugs_while_it_runs().await;
        }
    }

    async fn grows_while_it_runs(&self, size: Action, bytes: u64) {
        self.probe.twice(size).await;
        let larger = self.probe.observe().await.disks.get(&self.disk).map(|disk| disk.size);
        assert_eq!(larger, Some(ByteSize::mib(128).0), "its disk has grown");
        let to = bytes + (64 << 20);
        let instance = self.name.clone();
        self.probe.twice(Action::ResizeInstanceDisk { instance, from: None, to, live: true }).await;
        assert_eq!(self.now().await.disk_bytes, Some(to), "its own disk has grown");
        let instance = self.name.clone();
        let less = Action::ResizeInstanceDisk { instance, from: None, to: bytes, live: true };
        self.probe.refused(less).await;
    }

    async fn plugs_while_it_runs(&self) {
        let (instance, disk) = (self.name.clone(), self.disk.clone());
        let user = async || {
            let observed = self.probe.observe().await;
            observed.disks.get(&self.disk).and_then(|disk| disk.in_use_by.clone())
        };
        let detach = Action::DetachDisk { instance: instance.clone(), disk: disk.clone() };
        self.probe.twice(detach).await;
        assert_eq!(user().await, None, "a disk that was detached is free");
        self.probe.twice(Action::AttachDisk { instance, disk }).await;
        assert_eq!(user().await.as_ref(), Some(&self.name), "a disk that was attached is in use");
        let now = self.now().await;
        assert_eq!(now.booted, now.config, "the VM has what its configuration says again");
    }

    async fn change_while_stopped(&self) {
        let (mut template, mut filled) = self.probe.harness.template(&self.name, Some(&self.disk));
        let bytes = self.now().await.disk_bytes.unwrap_or_default();
        let larger = bytes + (256 << 20);
        for lima in [&mut template, &mut filled] {
            lima.cpus = Some(2u32.into());
            lima.disk = Some(ByteSize(larger));
        }
        let edit = Action::EditInstance {
            instance: self.name.clone(),
            template: Arc::new(template),
            filled: Arc::new(filled.clone()),
            changes: Vec::new(),
        };
        self.probe.twice(edit).await;
        assert_eq!(self.now().await.config.as_deref(), Some(&filled), "an edit is stored");
        self.probe.twice(self.grow(larger)).await;
        assert_eq!(self.now().await.disk_bytes, Some(larger), "its disk has grown");
        self.probe.refused(self.grow(bytes)).await;
    }

    async fn second_boot(&self) {
        self.probe.done(self.start()).await;
        self.probe.done(Action::AwaitReady { instance: self.name.clone() }).await;
        let cpus = self.now().await.booted.as_ref().and_then(|booted| booted.cpus);
        assert_eq!(cpus, Some(2u32.into()), "the change has effect at the next start");
        self.probe.twice(self.stop(StopMode::Force)).await;
        assert_eq!(self.now().await.phase, InstancePhase::Stopped, "force stops it");
    }

    async fn park_and_restore(&self) {
        let before = self.now().await;
        self.probe.done(Action::Park { object: self.id() }).await;
        let observed = self.probe.observe().await;
        assert!(!observed.instances.contains_key(&self.name), "a parked instance is gone");
        let Parked { key, .. } = self.parked(&observed.parked);
        self.probe.twice(Action::Restore { object: self.id(), key }).await;
        assert_eq!(self.now().await, before, "it comes back as it was");
    }

    fn parked(&self, all: &[Parked]) -> Parked {
        let mut mine = all.iter().filter(|parked| parked.id == self.id());
        mine.next().cloned().expect("what is parked is listed")
    }

    async fn remove(&self) {
        self.probe.done(Action::Park { object: self.id() }).await;
        let Parked { key, .. } = self.parked(&self.probe.observe().await.parked);
        self.probe.twice(Action::Purge { object: self.id(), key: Some(key) }).await;
        let disk = ObjectId::disk(&self.disk);
        self.probe.twice(Action::Purge { object: disk, key: None }).await;
        let observed = self.probe.observe().await;
        assert!(!observed.instances.contains_key(&self.name), "nothing is left");
        assert!(!observed.parked.iter().any(|parked| parked.id == self.id()), "nothing is left");
    }
}
