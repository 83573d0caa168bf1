//! States of a VM that runs, kept and gone back to.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::guest;
use crate::api::{MountState, Shared};
use crate::driver::Snapshots;
use crate::files::InstanceFiles;
use crate::mounts::Mounts;
use crate::spec::{MountKind, mounts};
use crate::ssh::Session;
use crate::{Error, atomic, chain};

/// The snapshots of a VM that runs.
pub(crate) struct SnapshotSet {
    pub(crate) files: InstanceFiles,
    pub(crate) session: Session,
    pub(crate) shared: Arc<Shared>,
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) snapshots: Arc<dyn Snapshots>,
}

impl SnapshotSet {
    /// Keeps the state of memory and disks. What stands in the way is found before anything is done.
    ///
    /// # Errors
    /// In words, what stands in the way or did not work.
    pub(crate) async fn save(&self, tag: &str) -> Result<(), String> {
        self.must_be_possible().await?;
        self.must_be_new(tag).await?;
        let machine = self.machine().await?;
        // Less is lost if only the disks can be gone back to.
        guest::sync(&self.session).await;
        // Before: QEMU goes on with it if this host agent dies.
        self.note(|notes| drop(notes.insert(tag.to_owned(), machine))).map_err(|e| chain(&e))?;
        self.snapshots.save(tag).await.map_err(|error| chain(&error))?;
        tracing::info!("snapshot {tag} is kept, with memory");
        Ok(())
    }

    /// Keeps the state of the disks alone; what the guest has not written yet it is asked to write.
    ///
    /// # Errors
    /// In words, what stands in the way or did not work.
    pub(crate) async fn save_disks(&self, tag: &str) -> Result<(), String> {
        guest::sync(&self.session).await;
        self.snapshots.save_disks(tag).await.map_err(|error| chain(&error))?;
        tracing::info!("snapshot {tag} of the disks is kept");
        Ok(())
    }

    /// Goes back to a state with memory: the guest goes on from where it was then.
    ///
    /// # Errors
    /// In words, what stands in the way or did not work.
    pub(crate) async fn load(&self, tag: &str) -> Result<(), String> {
        let all = self.snapshots.list().await.map_err(|error| chain(&error))?;
        let known = all.iter().find(|one| one.tag == tag);
        let known = known.ok_or_else(|| format!("there is no snapshot {tag}"))?;
        let stopped = "stop the instance, then its disks can go back";
        if !known.with_memory {
            return Err(format!("snapshot {tag} holds no memory: {stopped}"));
        }
        self.must_be_possible().await?;
        if self.notes().get(tag) != Some(&self.machine().await?) {
            return Err(format!(
                "the machine is another one than that of snapshot {tag}: {stopped}"
            ));
        }
        self.snapshots.load(tag).await.map_err(|error| chain(&error))?;
        tracing::warn!("went back to snapshot {tag}");
        self.meet_again().await;
        Ok(())
    }

    /// Forgets a state.
    ///
    /// # Errors
    /// In words, what did not work.
    pub(crate) async fn delete(&self, tag: &str) -> Result<(), String> {
        self.snapshots.delete(tag).await.map_err(|error| chain(&error))?;
        self.note(|notes| drop(notes.remove(tag))).map_err(|error| chain(&error))
    }

    /// The guest's ends of all connections are those of then.
    async fn meet_again(&self) {
        self.session.exit().await;
        self.mounts.session().exit().await;
        // The first one over the new connection; the guest agent sets the clock.
        guest::sync(&self.session).await;
        let is_there = |mounts: &[crate::api::MountStatus]| {
            mounts.iter().all(|mount| mount.state != MountState::Mounting)
        };
        self.shared.status_is(|status| is_there(&status.mounts)).await;
    }

    /// On any disk: QEMU would keep a second one of that name, and go back to the first.
    async fn must_be_new(&self, tag: &str) -> Result<(), String> {
        let holders = self.snapshots.holders(tag).await.map_err(|error| chain(&error))?;
        match holders.first() {
            Some(disk) => Err(format!(
                "there is a snapshot {tag} in {}: choose another tag, or delete that one",
                disk.display()
            )),
            None => Ok(()),
        }
    }

    async fn must_be_possible(&self) -> Result<(), String> {
        let booted = self.files.read_booted().unwrap_or_default();
        if let Some(mount) =
            mounts(&booted).iter().find(|mount| matches!(mount.kind, MountKind::Virtiofs { .. }))
        {
            return Err(format!(
                "its memory cannot be kept: virtiofs shares {} with the host",
                mount.location.display()
            ));
        }
        match self.snapshots.obstacle().await {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(why),
            Err(error) => Err(chain(&error)),
        }
    }

    /// What the machine is made of, as a digest.
    async fn machine(&self) -> Result<String, String> {
        let mut text = self.snapshots.machine().await.map_err(|error| chain(&error))?;
        let booted = self.files.read_booted().unwrap_or_default();
        let accelerator = self.shared.status().accelerator;
        text += &format!("\n{:?} {:?} {:?}", booted.cpus, booted.memory, booted.arch);
        text +=
            &format!("\n{:?} {accelerator:?} {:?}", booted.qemu_opts().cpu_type, mounts(&booted));
        Ok(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn notes(&self) -> BTreeMap<String, String> {
        let text = fs::read(self.path()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn note(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<(), Error> {
        let mut notes = self.notes();
        change(&mut notes);
        let path = self.path();
        let text = serde_json::to_vec(&notes)
            .map_err(|error| Error::file("write", &path)(error.into()))?;
        atomic::write(&path, &text, 0o600)
    }

    fn path(&self) -> PathBuf {
        self.files.file("snapshots.json")
    }
}
