//! Where the states of disks are shown.

use std::sync::Arc;

use crate::api::{DiskStatus, Shared};

/// Where the states of disks are shown. The instance's own disk has no name.
pub(super) struct Board(pub(super) Arc<Shared>);

impl Board {
    /// All is well with it.
    pub(super) fn fine(&self, disk: Option<&str>) {
        self.set(disk, None);
    }

    /// Something is to be done again.
    pub(super) fn fault(&self, disk: Option<&str>, why: &str) {
        tracing::error!("{}: {why}", shown(disk));
        self.set(disk, Some(why.to_owned()));
    }

    /// The VM does not have it any more.
    pub(super) fn gone(&self, disk: &str) {
        self.0.update(|status| status.disks.retain(|one| one.name.as_deref() != Some(disk)));
    }

    /// How many disks more can be plugged in.
    pub(super) fn free_places(&self, free: usize) {
        self.0.update(|status| status.free_disk_places = Some(free));
    }

    fn set(&self, disk: Option<&str>, fault: Option<String>) {
        self.0.update(|status| {
            status.disks.retain(|one| one.name.as_deref() != disk);
            status.disks.push(DiskStatus { name: disk.map(str::to_owned), fault });
            status.disks.sort_by(|one, other| one.name.cmp(&other.name));
        });
    }
}

/// In words.
pub(super) fn shown(disk: Option<&str>) -> String {
    disk.map_or_else(|| "the instance's own disk".to_owned(), |disk| format!("disk {disk}"))
}
