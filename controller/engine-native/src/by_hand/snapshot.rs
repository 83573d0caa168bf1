//! Snapshots of an instance.

use limekiln_api::DiskFormat;
use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::Order;
use limekiln_model::Name;

use super::ByHand;
use crate::disks::format;
use crate::observe::agent_pid;
use crate::run;
use crate::snapshot::{Snapshot, snapshots};
use crate::tool::qemu_img;

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
        self.snapshot(name, Order::SaveSnapshot { tag: tag.to_owned() }, "-c").await
    }

    /// Goes back to a snapshot: what was written since is lost. An instance that runs goes on from
    /// where it was.
    ///
    /// # Errors
    /// If there is no such snapshot, or the instance runs and is another machine than it was then.
    pub async fn apply_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_have(name, tag)?;
        self.snapshot(name, Order::LoadSnapshot { tag: tag.to_owned() }, "-a").await
    }

    /// Forgets a snapshot.
    ///
    /// # Errors
    /// If there is no such snapshot.
    pub async fn delete_snapshot(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        self.must_have(name, tag)?;
        self.snapshot(name, Order::DeleteSnapshot { tag: tag.to_owned() }, "-d").await
    }

    fn must_have(&self, name: &Name, tag: &str) -> Result<(), EngineError> {
        if self.snapshots(name)?.iter().any(|one| one.tag == tag) {
            return Ok(());
        }
        Err(EngineError::precondition(format!("instance/{name} has no snapshot {tag}"))
            .hint(format!("`limekiln snapshot list {name}` shows those that it has")))
    }

    /// By its host agent where it runs, else in the file.
    async fn snapshot(&self, name: &Name, order: Order, what: &str) -> Result<(), EngineError> {
        if agent_pid(&self.paths.instance(name)).is_some() {
            let context = ActionContext::silent();
            let done = run::order(&self.paths, name, order.clone(), &context).await;
            return done.map_err(|error| match error.hint {
                None => error.hint(format!("it goes when it is stopped: limekiln stop {name}")),
                Some(_) => error,
            });
        }
        self.must_be_stopped(name)?;
        let (Order::SaveSnapshot { tag }
        | Order::LoadSnapshot { tag }
        | Order::DeleteSnapshot { tag }) = order
        else {
            return Ok(());
        };
        let disk = self.qcow2(name)?;
        qemu_img(["snapshot".as_ref(), what.as_ref(), tag.as_ref(), disk.as_os_str()])
    }

    fn qcow2(&self, name: &Name) -> Result<std::path::PathBuf, EngineError> {
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
