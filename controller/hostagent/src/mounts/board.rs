//! Where the states of mounts are shown, and kept for a new host agent.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::{self, Processes, Record};
use crate::api::{MountState, MountStatus, Shared};
use crate::spec::MountSpec;

/// Where the states of mounts are shown, and kept for a new host agent.
pub(crate) struct Board {
    shared: Arc<Shared>,
    path: PathBuf,
    records: Mutex<Vec<Record>>,
    /// Of an earlier VM, which may be about to end.
    earlier: Mutex<Vec<Record>>,
}

impl Board {
    pub(super) fn new(shared: Arc<Shared>, path: PathBuf) -> Self {
        Self { shared, path, records: Mutex::default(), earlier: Mutex::default() }
    }

    /// What was kept by whoever used this place last.
    pub(super) fn last_records(&self) -> Vec<Record> {
        record::read(&self.path)
    }

    /// What may still run of the VMs before the one that is about to start.
    pub(super) fn earlier(&self) -> Vec<Record> {
        [locked(&self.earlier).clone(), self.last_records()].concat()
    }

    pub(super) fn forget(&self) {
        *locked(&self.earlier) = self.last_records();
        // If it is still there, its processes are found to be gone.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Waits until each mount is in place or has failed.
    pub(super) async fn settled(&self) {
        self.shared.status_is(|status| settled(&status.mounts)).await;
    }

    /// Shows these and no others. What is new is on its way.
    pub(super) fn only(&self, mounts: &[MountSpec]) {
        self.shared.update(|status| {
            let before = std::mem::take(&mut status.mounts);
            let known = |new: &MountStatus| before.iter().find(|old| same(old, new)).cloned();
            let shown = mounts.iter().map(described);
            status.mounts = shown.map(|new| known(&new).unwrap_or(new)).collect();
        });
        self.change_records(|records| records.retain(|record| mounts.contains(&record.mount)));
    }

    pub(super) fn mounted(&self, mount: &MountSpec, processes: Processes) {
        tracing::info!("{} is mounted at {}", mount.location.display(), mount.mount_point);
        self.state(mount, MountState::Mounted, None);
        self.served_by(mount, processes);
    }

    /// Notes by what it is served.
    pub(super) fn served_by(&self, mount: &MountSpec, processes: Processes) {
        self.change_records(|records| {
            records.retain(|record| record.mount.mount_point != mount.mount_point);
            records.push(Record { mount: mount.clone(), processes });
        });
    }

    /// It is lost for as long as the VM runs. Not told when that ends: then all are.
    pub(super) fn gone(&self, mount: &MountSpec, why: &str) {
        if !self.shared.stop_is_requested() {
            self.failed(mount, &format!("virtiofsd ended ({why}); a restart mounts it anew"));
        }
    }

    /// Whether it had failed; then it counts as on its way again.
    pub(super) fn try_again(&self, mount: &MountSpec) -> bool {
        let mut had_failed = false;
        self.change(mount, |status| {
            had_failed = status.state == MountState::Failed;
            if had_failed {
                status.state = MountState::Mounting;
            }
        });
        had_failed
    }

    /// It was there, and is to be there again.
    pub(super) fn lost(&self, mount: &MountSpec, why: &str) {
        tracing::warn!("{} was lost: {why}; it is mounted again", mount.mount_point);
        self.state(mount, MountState::Failed, Some(format!("it was lost: {why}")));
        self.change(mount, |status| status.restored += 1);
    }

    /// It could not be mounted.
    pub(crate) fn failed(&self, mount: &MountSpec, why: &str) {
        let known = self.shared.status().mounts;
        let new = |old: &MountStatus| old.reason.as_deref() != Some(why);
        if known.iter().any(|old| old.mount_point == mount.mount_point && new(old)) {
            tracing::error!("cannot mount {}: {why}", mount.mount_point);
        }
        self.state(mount, MountState::Failed, Some(why.to_owned()));
    }

    pub(crate) fn state(&self, mount: &MountSpec, state: MountState, reason: Option<String>) {
        self.change(mount, |status| (status.state, status.reason) = (state, reason));
    }

    fn change(&self, mount: &MountSpec, change: impl FnOnce(&mut MountStatus)) {
        self.shared.update(|status| {
            let shown = status.mounts.iter_mut();
            let mut shown = shown.filter(|shown| shown.mount_point == mount.mount_point);
            if let Some(shown) = shown.next() {
                change(shown);
            }
        });
    }

    fn change_records(&self, change: impl FnOnce(&mut Vec<Record>)) {
        let mut records = locked(&self.records);
        let before = records.clone();
        change(&mut records);
        if *records != before {
            record::write(&self.path, &records);
        }
    }
}

/// Whether they are the same mount, whatever its state.
fn same(old: &MountStatus, new: &MountStatus) -> bool {
    let what = |mount: &MountStatus| {
        (mount.mount_point.clone(), mount.location.clone(), mount.kind.clone(), mount.writable)
    };
    what(old) == what(new)
}

fn described(mount: &MountSpec) -> MountStatus {
    MountStatus {
        mount_point: mount.mount_point.clone(),
        location: mount.location.display().to_string(),
        kind: mount.kind.word().to_owned(),
        writable: mount.writable,
        state: MountState::Mounting,
        reason: None,
        restored: 0,
    }
}

fn settled(mounts: &[MountStatus]) -> bool {
    mounts.iter().all(|mount| mount.state != MountState::Mounting)
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
