//! All mounts of an instance.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as SyncMutex};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::board::{Board, locked};
use super::daemons::Daemons;
use super::devices;
use super::error::MountError;
use super::keeper::{Ending, Keeper};
use super::link::{Link, LinkRecord};
use super::record::{Processes, Record};
use crate::api::Shared;
use crate::files::InstanceFiles;
use crate::spec::MountSpec;
use crate::ssh::Session;

/// How long all mounts together may take to be taken away when the guest is stopped.
const STOP: Duration = Duration::from_secs(8);

/// The mounts of one instance.
pub(crate) struct Mounts {
    session: Session,
    connecting: Arc<Mutex<()>>,
    board: Arc<Board>,
    kept: Mutex<BTreeMap<String, Kept>>,
    /// What an earlier host agent left, until the first [`Self::set`].
    left: SyncMutex<Vec<Record>>,
    daemons: Mutex<Daemons>,
    files: InstanceFiles,
}

/// A mount that is kept in place.
struct Kept {
    mount: MountSpec,
    again: Arc<Notify>,
    stop: oneshot::Sender<Ending>,
    task: JoinHandle<bool>,
}

impl Kept {
    /// Returns whether it is still in use.
    async fn end(self, ending: Ending) -> bool {
        // It may have ended by itself.
        let _ = self.stop.send(ending);
        self.task.await.unwrap_or(false)
    }
}

impl Mounts {
    /// None yet; `session` is for mounts alone.
    pub(crate) fn new(session: Session, shared: Arc<Shared>, files: &InstanceFiles) -> Self {
        let board = Board::new(shared, files.mounts_state());
        Self {
            session,
            connecting: Arc::default(),
            board: Arc::new(board),
            kept: Mutex::default(),
            left: SyncMutex::default(),
            daemons: Mutex::default(),
            files: files.clone(),
        }
    }

    /// Forgets the processes of an earlier VM.
    pub(crate) fn forget(&self) {
        self.board.forget();
    }

    /// Finds the processes that another host agent of the same VM left behind.
    pub(crate) async fn find_left(&self, mounts: &[MountSpec]) {
        let left = self.board.last_records();
        let known = |mount: &MountSpec| {
            let record = left.iter().find(|record| record.mount == *mount)?;
            Some(record.processes)
        };
        *self.daemons.lock().await = Daemons::adopt(&self.board, mounts, known);
        *locked(&self.left) = left;
    }

    /// Starts what serves mounts to the machine, for one start of it.
    ///
    /// # Errors
    /// A server is missing or fails, and the machine would not start without.
    pub(crate) async fn serve(&self, mounts: &[MountSpec]) -> Result<(), MountError> {
        let mut daemons = self.daemons.lock().await;
        // Of the try before.
        *daemons = Daemons::default();
        *daemons = Daemons::start(&self.board, &self.files, mounts).await?;
        Ok(())
    }

    /// Says which there will be, so that nobody takes them for forgotten.
    pub(crate) fn announce(&self, mounts: &[MountSpec]) {
        self.board.only(mounts);
    }

    /// Makes these the mounts that are kept: what is new comes, what is gone goes, what has
    /// changed does both, and what has failed is tried again at once. Returns when what is gone has
    /// gone; [`Self::settled`] waits for the rest.
    pub(crate) async fn set(&self, mounts: &[MountSpec]) {
        let mut kept = self.kept.lock().await;
        let stays = |kept: &Kept| mounts.contains(&kept.mount);
        let gone: Vec<_> = kept.extract_if(.., |_, kept| !stays(kept)).collect();
        join_all(gone.into_iter().map(|(_, kept)| kept.end(Ending::Removed))).await;
        self.board.only(mounts);
        for kept in kept.values().filter(|kept| self.board.try_again(&kept.mount)) {
            kept.again.notify_one();
        }
        let mut left = std::mem::take(&mut *locked(&self.left));
        for mount in mounts.iter().filter(|mount| mount.is_live()) {
            if !kept.contains_key(&mount.mount_point) {
                let adopted = take_link(&mut left, mount);
                kept.insert(mount.mount_point.clone(), self.start(mount, adopted));
            }
        }
        cut(left).await;
    }

    fn start(&self, mount: &MountSpec, adopted: Option<LinkRecord>) -> Kept {
        let (stop, stopped) = oneshot::channel();
        let again = Arc::<Notify>::default();
        let keeper = Keeper {
            again: Arc::clone(&again),
            session: self.session.clone(),
            connecting: Arc::clone(&self.connecting),
            board: Arc::clone(&self.board),
            mount: mount.clone(),
        };
        let task = tokio::spawn(keeper.keep(adopted, stopped));
        Kept { mount: mount.clone(), again, stop, task }
    }

    /// Waits until each mount is in place or has failed.
    pub(crate) async fn settled(&self) {
        self.board.settled().await;
    }

    /// Takes away what is not in use, before the guest is stopped: what it has written is on the
    /// host then. The rest ends with the guest.
    pub(crate) async fn stop(&self) {
        let all = std::mem::take(&mut *self.kept.lock().await);
        let ends = join_all(all.into_values().map(|kept| kept.end(Ending::Stopped)));
        match timeout(STOP, ends).await {
            Ok(in_use) if in_use.contains(&true) => {}
            Ok(_) => self.session.exit().await,
            Err(_) => tracing::warn!("the guest did not unmount everything in time"),
        }
    }

    /// Looks at those that came with the machine, over a session for commands, and mounts what the
    /// guest has not mounted.
    pub(crate) async fn see_devices(&self, session: &Session, mounts: &[MountSpec]) {
        devices::see(session, &self.board, mounts).await;
    }

    /// The session that mounts use.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }
}

/// The link of this very mount, if another host agent left one.
fn take_link(left: &mut Vec<Record>, mount: &MountSpec) -> Option<LinkRecord> {
    let known = left.iter().position(|record| record.mount == *mount)?;
    match left.swap_remove(known).processes {
        Processes::Link(link) => Some(link),
        Processes::Daemon(_) => None,
    }
}

/// Ends links that nobody wants any more.
async fn cut(left: Vec<Record>) {
    for record in left {
        if let Processes::Link(link) = record.processes
            && let Some(link) = Link::adopt(link)
        {
            link.cut().await;
        }
    }
}
