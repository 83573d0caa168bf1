//! Snapshots of an instance.

use std::path::PathBuf;

use limekiln_api::DiskFormat;
use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::Order;
use limekiln_model::Name;

use super::ByHand;
use crate::disks::format;
use crate::observe::agent_pid;
use crate::run;
use crate::snapshot::{Change, Snapshot, change, snapshots, with_tag};

impl ByHand {
    /// The snapshots of an instance, oldest first. One that runs may be asked, too. Blocks.
    ///
    /// # Errors
    /// If there is no such instance, or its disk cannot be read.
    pub fn snapshots(&self, name: &Name) -> Result<Vec<Snapshot>, EngineError> {
        self.must_exist(name)?;
        snapshots(&self.qcow2(name)?)
    }

    /// Keeps the present state: of the disk, and where the instance runs, of its memory and of all
    /// its disks.
    ///
    /// # Errors
    /// If it has such a snapshot, a disk is not qcow2, or its memory cannot be kept.
    pub async fn create_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        if self.snapshots(name)?.iter().any(|one| one.tag == tag) {
            return Err(EngineError::precondition(format!("instance/{name} has a snapshot {tag}"))
                .hint("choose another tag, or delete that one"));
        }
        self.snapshot(name, tag, Change::Keep, &[self.qcow2(name)?]).await
    }

    /// Goes back to a snapshot: what was written since is lost. An instance that runs goes on from
    /// where it was.
    ///
    /// # Errors
    /// If there is no such snapshot, or the instance runs and is another machine than it was then.
    pub async fn apply_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_have(name, tag)?;
        self.snapshot(name, tag, Change::GoBack, &[self.qcow2(name)?]).await
    }

    /// Forgets a snapshot, on all disks of the instance that have it.
    ///
    /// # Errors
    /// If there is no such snapshot, or another VM uses a disk.
    pub async fn delete_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_exist(name)?;
        let with = with_tag(run::disks_of(&self.paths, name)?, tag)?;
        if with.is_empty() {
            return Err(Self::has_none(name, tag));
        }
        self.snapshot(name, tag, Change::Forget, &with).await
    }

    fn must_have(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        if self.snapshots(name)?.iter().any(|one| one.tag == tag) {
            return Ok(());
        }
        Err(Self::has_none(name, tag))
    }

    fn has_none(name: &Name, tag: &str) -> EngineError {
        EngineError::precondition(format!("instance/{name} has no snapshot {tag}"))
            .hint(format!("`limekiln snapshot list {name}` shows those that it has"))
    }

    /// By its host agent where it runs, else in the files.
    async fn snapshot(
        &self,
        name: &Name,
        tag: &str,
        what: Change,
        disks: &[PathBuf],
    ) -> Result<(), EngineError> {
        if agent_pid(&self.paths.instance(name)).is_some() {
            let tag = tag.to_owned();
            let order = match what {
                Change::Keep => Order::SaveSnapshot { tag },
                Change::GoBack => Order::LoadSnapshot { tag },
                Change::Forget => Order::DeleteSnapshot { tag },
            };
            let done = run::order(&self.paths, name, order, &ActionContext::silent()).await;
            return done.map_err(|error| match error.hint {
                None => error.hint(format!("it goes when it is stopped: limekiln stop {name}")),
                Some(_) => error,
            });
        }
        self.must_be_stopped(name)?;
        change(disks, tag, what)
    }

    fn qcow2(&self, name: &Name) -> Result<PathBuf, EngineError> {
        let disk = InstanceFiles::new(self.paths.instance(name)).disk();
        if format(&disk) == DiskFormat::Qcow2 {
            return Ok(disk);
        }
        Err(EngineError::permanent(format!(
            "the disk of instance/{name} is raw, and keeps no snapshots"
        ))
        .hint(format!("copy the instance instead: limekiln clone {name} NEW")))
    }
}
