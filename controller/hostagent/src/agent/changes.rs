//! Tells the guest of files that the host changes below its mounts (`mountInotify`).

use std::time::Duration;

use limekiln_proto::guest::Inotify;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::agent::Agent;
use crate::chain;
use crate::guest::GuestClient;
use crate::mounts::{ChangeWatch, HostChange};
use crate::spec::{MountSpec, filled, mounts};

/// A directory that is missing may come, and watches that are used up may be given back.
const AGAIN: Duration = Duration::from_secs(30);

impl Agent {
    /// Tells changes for as long as it is polled; nothing, if nobody asked for it.
    pub(super) fn tell_changes(
        &self,
        mut clients: watch::Receiver<Option<GuestClient>>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (args, yaml) = (self.args.clone(), self.spec.files.lima_yaml());
        let shared = std::sync::Arc::clone(&self.shared);
        async move {
            loop {
                let reloads = shared.status().reloads;
                let lima = filled(&args, &yaml).ok();
                let lima = lima.filter(|lima| lima.mount_inotify == Some(true));
                let places = lima.as_ref().map(mounts).unwrap_or_default();
                // Mounts may come and go; then it begins anew.
                tokio::select! {
                    () = shared.status_is(|status| status.reloads != reloads) => {}
                    () = follow(&places, &mut clients) => {}
                }
            }
        }
    }
}

/// Watches these directories, and tells what changes. Returns when it should be begun anew.
async fn follow(places: &[MountSpec], clients: &mut watch::Receiver<Option<GuestClient>>) {
    if places.iter().all(|place| !place.writable) {
        return std::future::pending().await;
    }
    // An error: the connection is given up for good.
    let client = clients.wait_for(Option::is_some).await.ok().and_then(|client| client.clone());
    let Some(client) = client else { return std::future::pending().await };
    let (_watch, changes) = match ChangeWatch::start(places) {
        Ok(started) => started,
        Err(error) => {
            tracing::warn!("changes of files cannot be announced yet: {}", chain(&error));
            return tokio::time::sleep(AGAIN).await;
        }
    };
    let told = client.post_inotify(ReceiverStream::new(changes).map(message));
    tokio::select! {
        ended = told => if let Err(error) = ended {
            tracing::debug!("announcing changes ended: {}", chain(&error));
        },
        // Another connection.
        _ = clients.changed() => {}
    }
    // An agent that refuses at once must not be asked without end.
    tokio::time::sleep(Duration::from_millis(500)).await;
}

fn message(change: HostChange) -> Inotify {
    Inotify { mount_path: change.path, time: Some(change.time.into()) }
}
