//! Snapshots of a QEMU that runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::live_disks::node_of;
use super::qmp::{
    BlockNode, Command, DismissJob, Job, Processor, Qmp, QmpError, QueryBlock, QueryJobs,
    QueryMigrate, QueryNodes, QueryProcessors, QueryVersion, SnapshotDelete, SnapshotDisks,
    SnapshotLoad, SnapshotSave, State,
};
use crate::disks::SnapshotWork;
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

    fn files(&self) -> impl Iterator<Item = &Path> {
        self.all.iter().map(|node| &*node.file)
    }

    /// Those that have the tag.
    fn with(&self, tag: &str) -> Vec<&BlockNode> {
        let has = |node: &&BlockNode| node.image.snapshots.iter().any(|one| one.name == tag);
        self.all.iter().filter(has).collect()
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

    /// Runs a job to its end, with marks beside the disks in case that somebody is killed meanwhile.
    async fn work<C: Command>(
        &self,
        disks: impl Iterator<Item = &Path>,
        what: &str,
        begin: &C,
    ) -> Result<(), DriverError> {
        let work = SnapshotWork::begin(disks, what).map_err(|e| DriverError::Disk(Box::new(e)))?;
        let done = self.job(begin).await;
        if matches!(done, Ok(()) | Err(DriverError::Job(_))) {
            work.end();
        }
        done
    }

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

fn free(processors: &[Processor]) -> usize {
    processors.iter().filter(|one| one.qom_path.is_none()).count()
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
        // A machine that could get more is another one than one with as many that could not.
        let room = qmp.execute(&QueryProcessors).await.map_or(0, |all| free(&all));
        if room > 0 {
            lines.push(format!("room for {room} more"));
        }
        Ok(lines.join("\n"))
    }

    async fn list(&self) -> Result<Vec<Snapshot>, DriverError> {
        let snapshots = self.disks().await?.own.image.snapshots.into_iter();
        let shown =
            snapshots.map(|one| Snapshot { tag: one.name, with_memory: one.vm_state_size > 0 });
        Ok(shown.collect())
    }

    async fn holders(&self, tag: &str) -> Result<Vec<PathBuf>, DriverError> {
        let disks = self.disks().await?;
        Ok(disks.with(tag).into_iter().map(|node| node.file.clone()).collect())
    }

    async fn save(&self, tag: &str) -> Result<(), DriverError> {
        let disks = self.disks().await?;
        let (memory, nodes) = (&disks.own.node_name, &disks.names());
        let save = SnapshotSave(State { job: JOB, tag, memory, nodes });
        self.work(disks.files(), &format!("keeping snapshot {tag}"), &save).await
    }

    async fn load(&self, tag: &str) -> Result<(), DriverError> {
        let disks = self.disks().await?;
        let (memory, nodes) = (&disks.own.node_name, &disks.names());
        let load = SnapshotLoad(State { job: JOB, tag, memory, nodes });
        self.work(disks.files(), &format!("going back to snapshot {tag}"), &load).await
    }

    async fn delete(&self, tag: &str) -> Result<(), DriverError> {
        let disks = self.disks().await?;
        let with = disks.with(tag);
        if with.is_empty() {
            return Ok(());
        }
        let nodes = &with.iter().map(|node| node.node_name.clone()).collect::<Vec<_>>();
        let delete = SnapshotDelete { job: JOB, tag, nodes };
        let files = with.iter().map(|node| &*node.file);
        self.work(files, &format!("forgetting snapshot {tag}"), &delete).await
    }

    async fn save_disks(&self, tag: &str) -> Result<(), DriverError> {
        let disks = self.disks().await?;
        let had = self.holders(tag).await?;
        let new: Vec<_> = disks.all.iter().filter(|node| !had.contains(&node.file)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let files = new.iter().map(|node| &*node.file);
        let what = format!("keeping snapshot {tag}");
        let work = SnapshotWork::begin(files, &what).map_err(|e| DriverError::Disk(Box::new(e)))?;
        let nodes: Vec<_> = new.iter().map(|node| node.node_name.clone()).collect();
        self.connect().await?.execute(&SnapshotDisks { tag, nodes: &nodes }).await?;
        work.end();
        Ok(())
    }
}
