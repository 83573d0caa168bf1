//! The disks of a VM that runs, and changes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use limekiln_api::Lima;
use limekiln_api::lima::AdditionalDisk;

use super::board::{Board, shown};
use super::guest;
use crate::api::{Phase, Shared};
use crate::driver::{LiveDisks, Place};
use crate::files::InstanceFiles;
use crate::spec::{DiskLock, attached_disk, filled};
use crate::ssh::Session;
use crate::{Error, HostAgentArgs, chain};

/// The locks of the disks that the VM has, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks(Arc<Mutex<BTreeMap<String, DiskLock>>>);

impl Locks {
    /// Takes a disk, whose data is at `path`, for the instance.
    ///
    /// # Errors
    /// Another instance has it.
    pub(crate) fn take(&self, name: &str, path: &Path, files: &InstanceFiles) -> Result<(), Error> {
        if self.all().contains_key(name) {
            return Ok(());
        }
        let lock = DiskLock::take(path.parent().unwrap_or(Path::new("/")), files.dir())?;
        self.all().insert(name.to_owned(), lock);
        Ok(())
    }

    /// Gives all back: the VM is down.
    pub(crate) fn release(&self) {
        self.all().clear();
    }

    fn give_back(&self, name: &str, path: &Path, files: &InstanceFiles) {
        // One that an earlier host agent left in the middle is taken first.
        let _ = self.take(name, path, files);
        self.all().remove(name);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, DiskLock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The disks of a VM that runs.
///
/// Each change goes in steps, of which any may be the last that a host agent lives to see: the next
/// one looks how far it came, and goes on from there.
pub(crate) struct DiskSet {
    pub(crate) args: HostAgentArgs,
    pub(crate) files: InstanceFiles,
    pub(crate) session: Session,
    pub(crate) shared: Arc<Shared>,
    pub(crate) disks: Arc<dyn LiveDisks>,
    pub(crate) locks: Locks,
}

impl DiskSet {
    /// Takes over what an earlier host agent left: finishes what it may have begun.
    pub(crate) async fn take_over(&self) {
        let booted = self.files.read_booted().unwrap_or_default();
        for (name, path) in self.placed().await {
            if let Err(error) = self.locks.take(&name, &path, &self.files) {
                self.board().fault(Some(&name), &chain(&error));
            }
        }
        self.finish_growth(None).await;
        for disk in booted.additional_disks.iter().flatten() {
            self.finish_growth(Some(&disk.name)).await;
        }
    }

    /// Shows how many disks more there is room for.
    pub(crate) async fn count_places(&self) {
        match self.disks.places().await {
            Ok(places) => {
                let free = places.iter().filter(|place| place.disk.is_none()).count();
                self.board().free_places(free);
            }
            Err(error) => tracing::warn!("cannot look at the disks: {}", chain(&error)),
        }
    }

    /// Grows a disk and what is on it.
    ///
    /// # Errors
    /// In words, what did not work.
    pub(crate) async fn grow(&self, name: Option<&str>, bytes: u64) -> Result<(), String> {
        self.disks
            .grow(&self.path(name), bytes)
            .await
            .map_err(|error| format!("{} did not grow: {}", shown(name), chain(&error)))?;
        tracing::info!("{} has {bytes} bytes", shown(name));
        self.grow_in_guest(name, bytes).await
    }

    /// Brings a disk of `lima.yaml` into the guest.
    ///
    /// # Errors
    /// In words, what did not work.
    pub(crate) async fn attach(&self, name: &str) -> Result<(), String> {
        let wanted = filled(&self.args, &self.files.lima_yaml()).map_err(|error| chain(&error))?;
        let settings = settings(&wanted, name)
            .ok_or_else(|| format!("lima.yaml does not speak of disk {name}"))?;
        self.guest_is_up().await?;
        let done = self.try_attach(&settings).await;
        self.count_places().await;
        match &done {
            Ok(()) => self.board().fine(Some(name)),
            Err(why) => self.board().fault(Some(name), why),
        }
        done
    }

    async fn try_attach(&self, settings: &AdditionalDisk) -> Result<(), String> {
        let disk = attached_disk(settings, &self.args.lima_home).map_err(|error| chain(&error))?;
        self.locks.take(&disk.name, &disk.path, &self.files).map_err(|error| chain(&error))?;
        self.disks.plug(&disk).await.map_err(|error| chain(&error))?;
        self.remember(|disks| {
            disks.retain(|one| one.name != settings.name);
            disks.push(settings.clone());
        })?;
        guest::attach(&self.session, &disk).await?;
        tracing::info!("disk {} is at {}", disk.name, disk.mount_point());
        Ok(())
    }

    /// Takes a disk out of the guest.
    ///
    /// # Errors
    /// In words, what did not work: who uses it.
    pub(crate) async fn detach(&self, name: &str) -> Result<(), String> {
        let booted = self.files.read_booted().unwrap_or_default();
        let settings = settings(&booted, name).unwrap_or_else(|| named(name));
        self.guest_is_up().await?;
        let done = self.try_detach(&settings).await;
        self.count_places().await;
        match &done {
            Ok(()) => self.board().gone(name),
            Err(why) => self.board().fault(Some(name), why),
        }
        done
    }

    async fn try_detach(&self, settings: &AdditionalDisk) -> Result<(), String> {
        let disk = attached_disk(settings, &self.args.lima_home).map_err(|error| chain(&error))?;
        guest::detach(&self.session, &disk).await?;
        self.disks.unplug(&disk).await.map_err(|error| chain(&error))?;
        self.remember(|disks| disks.retain(|one| one.name != settings.name))?;
        self.locks.give_back(&disk.name, &disk.path, &self.files);
        tracing::info!("disk {} is free", disk.name);
        Ok(())
    }

    /// Grows what an earlier host agent may have left too small.
    async fn finish_growth(&self, name: Option<&str>) {
        match self.disks.size(&self.path(name)).await {
            // What went wrong is shown.
            Ok(Some(bytes)) => drop(self.grow_in_guest(name, bytes).await),
            Ok(None) => {}
            Err(error) => tracing::warn!("cannot look at {}: {}", shown(name), chain(&error)),
        }
    }

    async fn grow_in_guest(&self, name: Option<&str>, bytes: u64) -> Result<(), String> {
        self.guest_is_up().await?;
        let point = name.map_or_else(|| "/".to_owned(), |name| format!("/mnt/lima-{name}"));
        match guest::grow(&self.session, &point, bytes).await {
            Ok(note) => {
                note.iter().for_each(|note| tracing::warn!("{}: {note}", shown(name)));
                self.board().fine(name);
                Ok(())
            }
            Err(why) => {
                let why = format!("{} has grown, and what is on it has not: {why}", shown(name));
                self.board().fault(name, &why);
                Err(why)
            }
        }
    }

    /// Waits for the end of the boot.
    async fn guest_is_up(&self) -> Result<(), String> {
        self.shared.status_is(|status| status.phase != Phase::Booting).await;
        match self.shared.status().phase {
            Phase::Stopping => Err("the VM is being stopped".to_owned()),
            _ => Ok(()),
        }
    }

    /// Notes what the VM has, also for a host agent that adopts it.
    fn remember(&self, change: impl FnOnce(&mut Vec<AdditionalDisk>)) -> Result<(), String> {
        let wanted = filled(&self.args, &self.files.lima_yaml()).ok();
        let wanted = wanted.map(|lima| lima.additional_disks);
        let note = |lima: &mut Lima| {
            let has = lima.additional_disks.get_or_insert_default();
            change(has);
            // The same disks are the same configuration, whatever the order in which they came.
            if let Some(wanted) = wanted.filter(|wanted| same(wanted.as_deref(), has)) {
                lima.additional_disks = wanted;
            }
        };
        self.files.change_booted(note).map_err(|error| chain(&error))
    }

    /// The disks in places, by name.
    async fn placed(&self) -> Vec<(String, PathBuf)> {
        let places = self.disks.places().await.unwrap_or_default();
        let name = |place: Place| {
            let path = place.disk?;
            let name = path.parent()?.file_name()?.to_str()?.to_owned();
            Some((name, path))
        };
        places.into_iter().filter_map(name).collect()
    }

    fn path(&self, name: Option<&str>) -> PathBuf {
        match name {
            None => self.files.disk(),
            Some(name) => self.args.lima_home.join("_disks").join(name).join("datadisk"),
        }
    }

    fn board(&self) -> Board {
        Board(Arc::clone(&self.shared))
    }
}

fn settings(lima: &Lima, name: &str) -> Option<AdditionalDisk> {
    lima.additional_disks.iter().flatten().find(|disk| disk.name == name).cloned()
}

fn same(wanted: Option<&[AdditionalDisk]>, has: &[AdditionalDisk]) -> bool {
    let wanted = wanted.unwrap_or_default();
    wanted.len() == has.len() && wanted.iter().all(|disk| has.contains(disk))
}

fn named(name: &str) -> AdditionalDisk {
    AdditionalDisk { name: name.to_owned(), ..AdditionalDisk::default() }
}
