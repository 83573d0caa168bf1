//! The engine.

use std::sync::Arc;

use async_trait::async_trait;
use limekiln_api::lima::MountType;
use limekiln_api::{FieldError, HostFacts, Lima};
use limekiln_engine::{ActionContext, Engine, EngineError};
use limekiln_hostagent::api::Order;
use limekiln_model::{Action, Capabilities, Change, Cost, Kind, Name, ObjectId, Observed};

use crate::error::blocking;
use crate::images::Images;
use crate::observe::{Memory, lives};
use crate::paths::Paths;
use crate::refusals::{InstalledQemu, refusals};
use crate::unsupported::UNSUPPORTED;
use crate::{NativeConfig, disks, instance, networks, observe, run, trash};

/// Fields that are stored and have their effect without a restart, because they are only read
/// when they are needed, or because the host agent takes them in anew.
const LIVE_FIELDS: [&str; 3] = ["template.message", "template.probes", "template.portForwards"];

/// QEMU instances below one `$LIMA_HOME`.
#[derive(Clone, Debug)]
pub struct NativeEngine {
    paths: Paths,
    facts: Arc<HostFacts>,
    images: Images,
    config: NativeConfig,
    memory: Arc<Memory>,
    qemu: Arc<InstalledQemu>,
}

impl NativeEngine {
    /// An engine; nothing is read or written yet.
    pub fn new(config: NativeConfig) -> Self {
        Self {
            paths: Paths::new(&config.facts.lima_home),
            facts: Arc::new(config.facts.clone()),
            images: Images::new(&config.cache_dir, &config.facts.home),
            config,
            memory: Arc::default(),
            qemu: Arc::default(),
        }
    }

    async fn in_files<F>(&self, work: F) -> Result<(), EngineError>
    where
        F: FnOnce(&Paths) -> Result<(), EngineError> + Send + 'static,
    {
        let paths = self.paths.clone();
        blocking(move || work(&paths)).await
    }

    /// The instance's files may be touched only while none of its processes lives.
    fn must_be_stopped(&self, object: &ObjectId) -> Result<(), EngineError> {
        let dir = self.paths.instance(&object.name);
        if object.kind == Kind::Instance && lives(&dir) {
            Err(EngineError::precondition(format!("{object} runs")))
        } else {
            Ok(())
        }
    }

    /// A disk may be touched only while no running instance has it.
    fn must_be_free(&self, disk: &Name) -> Result<(), EngineError> {
        let Ok(holder) = std::fs::read_link(self.paths.disk(disk).join("in_use_by")) else {
            return Ok(());
        };
        if lives(&holder) {
            return Err(EngineError::precondition(format!(
                "disk/{disk} is used by {}",
                holder.display()
            )));
        }
        Ok(())
    }

    /// An instance is made after the additional disks that it attaches.
    fn must_have_disks(&self, filled: &Lima) -> Result<(), EngineError> {
        let names = filled
            .additional_disks
            .iter()
            .flatten()
            .filter_map(|disk| Name::new(disk.name.as_str()).ok());
        for name in names {
            if !disks::data(&self.paths.disk(&name)).exists() {
                return Err(EngineError::precondition(format!("disk/{name} does not exist")));
            }
        }
        Ok(())
    }

    fn must_be_idle(&self, object: &ObjectId) -> Result<(), EngineError> {
        match object.kind {
            Kind::Disk => self.must_be_free(&object.name),
            _ => self.must_be_stopped(object),
        }
    }
}

#[async_trait]
impl Engine for NativeEngine {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            engine: "native".to_owned(),
            forwards: true,
            networks: true,
            mounts: true,
            live_disk_resize: true,
            live_disks: true,
            live_provision: true,
            live_mounts: [MountType::ReverseSshfs].into(),
            live_fields: LIVE_FIELDS.iter().map(|&field| field.to_owned()).collect(),
        }
    }

    fn unsupported_fields(&self) -> &'static [(&'static str, &'static str)] {
        UNSUPPORTED
    }

    fn refusals(&self, filled: &Lima) -> Vec<FieldError> {
        refusals(filled, &self.qemu, self.paths.home())
    }

    async fn observe(&self) -> Result<Observed, EngineError> {
        observe::observe(&self.paths, &self.facts, &self.memory).await
    }

    async fn perform(&self, action: &Action, context: &ActionContext) -> Result<(), EngineError> {
        if context.cancel.is_cancelled() {
            return Err(EngineError::cancelled());
        }
        match action.clone() {
            Action::FetchImage { filled, .. } => {
                self.images.fetch(&filled, true, context).await?;
                self.images.fetch_firmware(&filled, true, context).await.map(drop)
            }
            Action::FetchContainerd { filled, .. } => {
                self.images.fetch_archive(&filled, true, context).await.map(drop)
            }
            Action::CreateDisk { disk, spec } => {
                self.in_files(move |paths| disks::create(paths, &disk, &spec)).await
            }
            Action::ResizeDisk { disk, to, .. } => {
                run::resize_disk(&self.paths, &disk, to, context).await
            }
            Action::CreateInstance { instance, template, filled } => {
                self.must_have_disks(&filled)?;
                let fetched = self.images.fetch(&filled, false, context).await?;
                instance::create(&self.paths, &instance, &template, &filled, &fetched, context)
                    .await
            }
            Action::EditInstance { instance, template, filled, changes } => {
                let name = instance.clone();
                self.in_files(move |paths| instance::edit(paths, &name, &template, &filled))
                    .await?;
                run::reload(&self.paths, &instance, context).await?;
                // Others have them at the next boot.
                let live = |change: &Change| change.cost == Cost::Live && change.is_provision();
                if changes.iter().any(live) && lives(&self.paths.instance(&instance)) {
                    run::order(&self.paths, &instance, Order::Provision, context).await?;
                }
                Ok(())
            }
            Action::ResizeInstanceDisk { instance, to, live: true, .. } => {
                instance::must_not_shrink(&self.paths, &instance, to)?;
                let order = Order::GrowDisk { disk: None, bytes: to };
                let done = run::order(&self.paths, &instance, order, context).await;
                self.memory.look_again(&instance);
                done
            }
            Action::ResizeInstanceDisk { instance, to, live: false, .. } => {
                self.must_be_stopped(&ObjectId::instance(&instance))?;
                self.in_files(move |paths| instance::resize(paths, &instance, to)).await
            }
            Action::StartDriver { instance } => {
                let host = run::Host {
                    agent_exe: &self.config.agent_exe,
                    images: &self.images,
                    qemu: &self.qemu,
                };
                run::start(&self.paths, &host, &instance, context).await
            }
            Action::Mount { instance, mount_point } => {
                run::mount(&self.paths, &instance, &mount_point, context).await
            }
            Action::AttachDisk { instance, disk } => {
                run::attach(&self.paths, &instance, &disk, context).await
            }
            Action::DetachDisk { instance, disk } => {
                run::detach(&self.paths, &instance, &disk, context).await
            }
            Action::TakeSnapshot { instance, tag } => {
                run::take(&self.paths, &instance, &tag, context).await
            }
            Action::Probe { instance } => run::probe(&self.paths, &instance, context).await,
            Action::RestoreSnapshot { instance, tag } => {
                let done = run::restore(&self.paths, &instance, &tag).await;
                self.memory.look_again(&instance);
                done
            }
            Action::ForgetSnapshot { instance, tag } => {
                run::forget(&self.paths, &instance, &tag, context).await
            }
            Action::AwaitReady { instance } => {
                run::await_ready(&self.paths, &instance, context).await
            }
            Action::Forward { instance } => run::forward(&self.paths, &instance).await,
            Action::StopInstance { instance, mode } => {
                run::stop(&self.paths, &instance, mode, context).await
            }
            Action::Park { object } => {
                self.must_be_idle(&object)?;
                self.in_files(move |paths| trash::park(paths, &object)).await
            }
            Action::Restore { object, key } => {
                self.in_files(move |paths| trash::restore(paths, &object, &key)).await
            }
            Action::Purge { object, key } => {
                if key.is_none() {
                    self.must_be_idle(&object)?;
                }
                self.in_files(move |paths| trash::purge(paths, &object, key.as_deref())).await
            }
            // The ledger is the caller's; nothing of the object changes.
            Action::Release { .. } => Ok(()),
            Action::DefineNetwork { network, spec } => {
                self.in_files(move |paths| networks::define(paths, &network, &spec)).await
            }
            Action::StartNetwork { network } => {
                networks::start(&self.paths, &self.config.usernet_exe, &network, context).await
            }
            Action::StopNetwork { network } => {
                networks::stop(&self.paths, &self.facts, &network).await
            }
        }
    }
}
