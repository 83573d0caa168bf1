//! Keeping one reverse-sshfs mount in place.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::board::Board;
use super::guest::unmount_command;
use super::link::{Link, LinkRecord};
use super::record::Processes;
use crate::api::MountState;
use crate::chain;
use crate::spec::MountSpec;
use crate::ssh::Session;

/// After a loss, before the next try: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// One that held for so long is worth a quick try again.
const STEADY: Duration = Duration::from_secs(30);
/// How long the guest may take to unmount.
const UNMOUNT: Duration = Duration::from_secs(5);
/// How long those that still have files open in a mount that was taken away may use them.
const LINGER: Duration = Duration::from_secs(5);

/// What a keeper works with.
pub(super) struct Keeper {
    pub(super) session: Session,
    /// Held while the connection is made that all share.
    pub(super) connecting: Arc<Mutex<()>>,
    pub(super) board: Arc<Board>,
    /// Somebody wants it tried now.
    pub(super) again: Arc<Notify>,
    pub(super) mount: MountSpec,
}

/// Why a mount is kept no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is not wanted any more.
    Removed,
    /// The guest is about to be stopped. What is in use stays until it is: who uses it may have
    /// something to write yet.
    Stopped,
}

impl Keeper {
    /// Mounts, and again when the mount is lost, until told to stop; then unmounts. Returns whether
    /// it is still in use.
    pub(super) async fn keep(
        self,
        adopted: Option<LinkRecord>,
        mut stop: oneshot::Receiver<Ending>,
    ) -> bool {
        let mut adopted = adopted.and_then(Link::adopt);
        let mut pause = AGAIN.0;
        loop {
            let link = match adopted.take() {
                Some(link) => Some(link),
                None => tokio::select! {
                    link = self.open() => link,
                    _ = &mut stop => return self.unmount(true).await,
                },
            };
            if let Some(link) = link {
                let since = Instant::now();
                self.board.mounted(&self.mount, Processes::Link(link.record()));
                tokio::select! {
                    why = link.ended() => self.board.lost(&self.mount, &why),
                    ending = &mut stop => return self.take_away(link, ending.ok()).await,
                }
                link.cut().await;
                if since.elapsed() >= STEADY {
                    pause = AGAIN.0;
                }
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(AGAIN.1),
                () = self.again.notified() => {}
                _ = &mut stop => return self.unmount(true).await,
            }
        }
    }

    async fn open(&self) -> Option<Link> {
        let shared = self.connecting.lock().await;
        // Once there is one, others need not wait for each other.
        let first = (!self.session.is_connected()).then_some(&shared);
        let opened = match first {
            Some(_) => Link::open(&self.session, &self.mount).await,
            None => {
                drop(shared);
                Link::open(&self.session, &self.mount).await
            }
        };
        opened.map_err(|error| self.board.failed(&self.mount, &chain(&error))).ok()
    }

    async fn take_away(&self, link: Link, ending: Option<Ending>) -> bool {
        self.board.state(&self.mount, MountState::Mounting, None);
        let stopped = ending == Some(Ending::Stopped);
        let in_use = self.unmount(!stopped).await;
        if in_use {
            tracing::info!("{} is still in use in the guest", self.mount.mount_point);
            if stopped {
                // It ends with the guest.
                return true;
            }
            // sshfs serves those who have files open, and ends when the last has closed them.
            let _ = timeout(LINGER, link.ended()).await;
        }
        link.cut().await;
        false
    }

    /// Whether it is still in use. A guest that does not answer loses the connection anyway.
    async fn unmount(&self, detach: bool) -> bool {
        if !self.session.is_connected() {
            return false;
        }
        let command = unmount_command(&self.mount.mount_point, detach);
        match timeout(UNMOUNT, self.session.run(&command, "")).await {
            Ok(Ok(output)) => !output.stdout.is_empty(),
            Ok(Err(_)) | Err(_) => false,
        }
    }
}
