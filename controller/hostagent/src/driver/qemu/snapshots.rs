//! Snapshots of a QEMU that runs.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::live_disks::node_of;
use super::qmp::{
    BlockNode, Command, DismissJob, Job, Qmp, QmpError, QueryBlock, QueryJobs, QueryMigrate,
    QueryNodes, QueryVersion, SnapshotDelete, SnapshotDisks, SnapshotLoad, SnapshotSave, State,
};
use crate::driver::{DriverError, Snapshot, Snapshots};
use crate::files::InstanceFiles;

/// The name of our jobs, of which there is one at a time.
const JOB: &str = "limekiln-snapshot";
/// Memory is written at the speed of the host's disk, and QEMU hears nothing meanwhile.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// Between two looks at a job.
const LOOK: Duration = Duration::from_millis(50);

/// Snapshots of a QEMU that runs.
#[derive(Debug)]
pub(super) struct QemuSnapshots {
    files: InstanceFiles,
}

/// The disks of a VM that can be written.
struct Disks {
    own: BlockNode,
    all: Vec<BlockNode>,
}

impl Disks {
    fn names(&self) -> Vec<String> {
        self.all.iter().map(|node| node.node_name.clone()).collect()
    }

    /// Those that have the tag.
    fn with(&self, tag: &str) -> Vec<String> {
        let has = |node: &&BlockNode| node.image.snapshots.iter().any(|one| one.name == tag);
        self.all.iter().filter(has).map(|node| node.node_name.clone()).collect()
    }

    /// The one that keeps none.
    fn raw(&self) -> Option<&BlockNode> {
        self.all.iter().find(|node| node.drv != "qcow2")
    }
}

impl QemuSnapshots {
    pub(super) fn new(files: InstanceFiles) -> Self {
        Self { files }
    }

    async fn connect(&self) -> Result<Qmp, QmpError> {
        Qmp::connect(&self.files.qmp_sock()).await
    }

    async fn disks(&self) -> Result<Disks, DriverError> {
        let mut qmp = self.connect().await?;
        let nodes = qmp.execute(&QueryNodes).await?;
        let blocks = qmp.execute(&QueryBlock).await?;
        let own = self.files.disk();
        let own = node_of(&nodes, &own).ok_or(DriverError::NoDisk(own))?.clone();
        let in_devices = blocks.iter().filter_map(|block| block.inserted.as_ref());
        let writable = in_devices.filter_map(|inserted| node_of(&nodes, &inserted.file));
        let all = writable.filter(|node| !node.ro).cloned().collect();
        Ok(Disks { own, all })
    }

    /// Runs a job to its end.
    async fn job<C: Command>(&self, begin: &C) -> Result<(), DriverError> {
        let mut qmp = self.connect().await?;
        // One that an earlier host agent did not see the end of.
        if ours(qmp.execute(&QueryJobs).await?).is_some_and(|job| job.status == "concluded") {
            qmp.execute(&DismissJob(JOB)).await?;
        }
        qmp.execute(begin).await?;
        drop(qmp);
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            match self.ended().await {
                Ok(Some(job)) => return job.error.map_or(Ok(()), |why| Err(DriverError::Job(why))),
                // It is at work, and hears nothing.
                Ok(None) | Err(QmpError::Deadline) => sleep(LOOK).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(QmpError::Deadline.into())
    }

    async fn ended(&self) -> Result<Option<Job>, QmpError> {
        let mut qmp = self.connect().await?;
        let job = ours(qmp.execute(&QueryJobs).await?).filter(|job| job.status == "concluded");
        if job.is_some() {
            qmp.execute(&DismissJob(JOB)).await?;
        }
        Ok(job)
    }
}

fn ours(jobs: Vec<Job>) -> Option<Job> {
    jobs.into_iter().find(|job| job.id == JOB)
}

#[async_trait]
impl Snapshots for QemuSnapshots {
    async fn obstacle(&self) -> Result<Option<String>, DriverError> {
        if let Some(raw) = self.disks().await?.raw() {
            let file = raw.file.display();
            return Ok(Some(format!("{file} is a raw disk, which keeps no snapshots")));
        }
        let blocked = self.connect().await?.execute(&QueryMigrate).await?.blocked_reasons;
        Ok(blocked.into_iter().next().map(|why| format!("its memory cannot be kept: {why}")))
    }

    async fn machine(&self) -> Result<String, DriverError> {
        let mut qmp = self.connect().await?;
        let version = qmp.execute(&QueryVersion).await?;
        let blocks = qmp.execute(&QueryBlock).await?;
        let disks = blocks.iter().filter_map(|block| {
            Some(format!("{} {}", block.qdev, block.inserted.as_ref()?.file.display()))
        });
        let mut lines: Vec<_> = disks.collect();
        lines.sort();
        let numbers = version.qemu;
        let qemu = format!("{}.{}.{}", numbers.major, numbers.minor, numbers.micro);
        lines.insert(0, format!("QEMU {qemu} {}", version.package));
        Ok(lines.join("\n"))
    }

    async fn list(&self) -> Result<Vec<Snapshot>, DriverError> {
        let snapshots = self.disks().await?.own.image.snapshots.into_iter();
        let shown =
            snapshots.map(|one| Snapshot { tag: one.name, with_memory: one.vm_state_size > 0 });
        Ok(shown.collect())
    }

    async fn save(&self, tag: &str) -> Result<(), DriverError> {
        let disks = self.disks().await?;
        let (memory, nodes) = (&disks.own.node_name, &disks.names());
        self.job(&SnapshotSave(State { job: JOB, tag, memory, nodes })).await
    }

    async fn load(&self, tag: &str) -> Result<(), DriverError> {
        let disks = self.disks().await?;
        let (memory, nodes) = (&disks.own.node_name, &disks.names());
        self.job(&SnapshotLoad(State { job: JOB, tag, memory, nodes })).await
    }

    async fn delete(&self, tag: &str) -> Result<(), DriverError> {
        let nodes = &self.disks().await?.with(tag);
        if nodes.is_empty() {
            return Ok(());
        }
        self.job(&SnapshotDelete { job: JOB, tag, nodes }).await
    }

    async fn save_disks(&self, tag: &str) -> Result<(), DriverError> {
        let disks = self.disks().await?;
        let had = disks.with(tag);
        let nodes: Vec<_> = disks.names().into_iter().filter(|node| !had.contains(node)).collect();
        if !nodes.is_empty() {
            self.connect().await?.execute(&SnapshotDisks { tag, nodes: &nodes }).await?;
        }
        Ok(())
    }
}
