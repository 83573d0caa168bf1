//! The virtiofsds of a VM.
//!
//! QEMU connects to each when it starts, and can't connect to another later: what virtiofsd knows
//! of open files goes with it. So one that dies takes its mount along until the next start, and all
//! that can be done is to say so.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::board::Board;
use super::daemon::Daemon;
use super::error::MountError;
use super::record::Processes;
use super::virtiofsd::Virtiofsd;
use crate::files::InstanceFiles;
use crate::spec::{MountKind, MountSpec};

/// It ends with its QEMU, which is seen to end a moment later.
const WITH_QEMU: Duration = Duration::from_millis(500);

/// One whose QEMU has ended is given so long to end by itself.
const ENDS: Duration = Duration::from_secs(2);

/// The daemons of one VM. When this is dropped they are no longer watched, and live on.
#[derive(Default)]
pub(super) struct Daemons(JoinSet<()>);

impl Daemons {
    /// Starts one for each virtiofs mount, for one start of QEMU.
    pub(super) async fn start(
        board: &Arc<Board>,
        files: &InstanceFiles,
        mounts: &[MountSpec],
    ) -> Result<Self, MountError> {
        let mut daemons = Self::default();
        let all: Vec<_> = virtiofs(mounts).collect();
        if all.is_empty() {
            return Ok(daemons);
        }
        let virtiofsd = Virtiofsd::find()?;
        before_are_gone(board).await;
        let mut started = Vec::new();
        for (index, mount) in all {
            match Daemon::start(&virtiofsd, mount, &files.virtiofsd_sock(index)).await {
                Ok(daemon) => started.push((mount, daemon)),
                Err(error) => {
                    started.iter().for_each(|(_, daemon)| daemon.kill());
                    return Err(error);
                }
            }
        }
        for (mount, daemon) in started {
            board.served_by(mount, Processes::Daemon(daemon.record()));
            daemons.watch(board, mount, daemon);
        }
        Ok(daemons)
    }

    /// Takes over those of a VM that runs.
    pub(super) fn adopt(
        board: &Arc<Board>,
        mounts: &[MountSpec],
        known: impl Fn(&MountSpec) -> Option<Processes>,
    ) -> Self {
        let mut daemons = Self::default();
        for (_, mount) in virtiofs(mounts) {
            let Some(Processes::Daemon(record)) = known(mount) else { continue };
            match Daemon::adopt(record) {
                Some(daemon) => {
                    board.served_by(mount, Processes::Daemon(record));
                    daemons.watch(board, mount, daemon);
                }
                None => board.gone(mount, "it ended"),
            }
        }
        daemons
    }

    fn watch(&mut self, board: &Arc<Board>, mount: &MountSpec, mut daemon: Daemon) {
        let (board, mount) = (Arc::clone(board), mount.clone());
        self.0.spawn(async move {
            let why = daemon.ended().await;
            daemon.reap();
            sleep(WITH_QEMU).await;
            board.gone(&mount, &why);
        });
    }
}

/// Waits for those of a QEMU before: each ends with it, and has its socket's lock until then.
async fn before_are_gone(board: &Board) {
    for record in board.earlier() {
        let Processes::Daemon(record) = record.processes else { continue };
        let Some(daemon) = Daemon::adopt(record) else { continue };
        if timeout(ENDS, daemon.ended()).await.is_err() {
            daemon.kill();
            daemon.ended().await;
        }
    }
}

/// With their positions, which name their sockets and devices.
fn virtiofs(mounts: &[MountSpec]) -> impl Iterator<Item = (usize, &MountSpec)> {
    let all = mounts.iter().enumerate();
    all.filter(|(_, mount)| matches!(mount.kind, MountKind::Virtiofs { .. }))
}
