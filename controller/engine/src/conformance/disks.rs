//! An additional disk's life without a user.

use limekiln_api::{ByteSize, DeletionPolicy, DiskFormat, DiskSpec};
use limekiln_model::{Action, ObjectId};

use super::probe::Probe;

pub(super) async fn life(probe: &Probe<'_>) {
    let disk = probe.harness.name("disk");
    let id = ObjectId::disk(&disk);
    let spec = DiskSpec {
        size: ByteSize::mib(64),
        format: DiskFormat::Qcow2,
        deletion_policy: DeletionPolicy::Delete,
    };
    probe.twice(Action::CreateDisk { disk: disk.clone(), spec: spec.clone() }).await;
    let made = probe.observe().await.disks.get(&disk).cloned().expect("a made disk is observed");
    assert_eq!((made.size, made.format), (spec.size.0, spec.format), "a disk is as it was asked");
    let size = |from, to| Action::ResizeDisk { disk: disk.clone(), from, to, format: spec.format };
    let (small, large) = (ByteSize::mib(64).0, ByteSize::mib(128).0);
    probe.twice(size(small, large)).await;
    assert_eq!(probe.observe().await.disks.get(&disk).map(|disk| disk.size), Some(large));
    probe.refused(size(large, small)).await;
    probe.done(Action::Park { object: id.clone() }).await;
    let observed = probe.observe().await;
    assert!(!observed.disks.contains_key(&disk), "a parked disk is gone");
    let parked = observed.parked.iter().find(|parked| parked.id == id);
    let key = parked.expect("a parked disk is listed").key.clone();
    probe.twice(Action::Restore { object: id.clone(), key }).await;
    let back = probe.observe().await.disks.get(&disk).map(|disk| disk.size);
    assert_eq!(back, Some(large), "it comes back as it was");
    probe.twice(Action::Purge { object: id, key: None }).await;
    assert!(!probe.observe().await.disks.contains_key(&disk), "a purged disk is gone");
}
