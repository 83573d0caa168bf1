//! The calls.

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use limekiln_proto::guest::guest_service_server::GuestService;
use limekiln_proto::guest::{
    Event, Info, Inotify, TimeSyncRequest, TimeSyncResponse, TunnelMessage,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::listeners::{self, Scanner};
use crate::{clock, inotify, tunnel};

/// So many tunnels are open at a time, over all connections.
const TUNNELS: usize = 1024;
/// So many are told of ports; each looks by itself.
const SUBSCRIBERS: usize = 8;

/// What serves the calls; copies share their bounds.
#[derive(Clone, Debug)]
pub struct GuestAgent {
    tunnels: Arc<Semaphore>,
    subscribers: Arc<Semaphore>,
    sets_clock: bool,
    touches_files: bool,
}

impl GuestAgent {
    /// An agent without callers. It leaves the clock alone: where it does not run in a guest of its
    /// own, as in tests, the clock is somebody else's.
    pub fn new() -> Self {
        Self {
            tunnels: Arc::new(Semaphore::new(TUNNELS)),
            subscribers: Arc::new(Semaphore::new(SUBSCRIBERS)),
            sets_clock: false,
            touches_files: true,
        }
    }

    /// The same, and it sets the clock when it is told the time.
    #[must_use]
    pub fn setting_clock(self) -> Self {
        Self { sets_clock: true, ..self }
    }

    /// One that understands all that it is told and does nothing of it: no tunnel is opened, nobody
    /// is told of ports, no file is touched. For fuzzing, since the machine is no guest there.
    pub fn for_show() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self { tunnels: none(), subscribers: none(), sets_clock: false, touches_files: false }
    }
}

impl Default for GuestAgent {
    fn default() -> Self {
        Self::new()
    }
}

fn place(places: &Arc<Semaphore>, what: &str) -> Result<OwnedSemaphorePermit, Status> {
    Arc::clone(places)
        .try_acquire_owned()
        .map_err(|_| Status::resource_exhausted(format!("there are too many {what} already")))
}

/// What a call answers bit by bit.
type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl GuestService for GuestAgent {
    type GetEventsStream = Parts<Event>;
    type TunnelStream = Parts<TunnelMessage>;

    async fn get_info(&self, _: Request<()>) -> Result<Response<Info>, Status> {
        let scan = Scanner::default().scan();
        let scan = scan.map_err(|error| {
            Status::unavailable(format!("cannot find out what listens: {error}"))
        })?;
        let local_ports = scan.listeners.into_iter().map(Into::into).collect();
        Ok(Response::new(Info { local_ports }))
    }

    async fn get_events(&self, _: Request<()>) -> Result<Response<Parts<Event>>, Status> {
        let place = place(&self.subscribers, "subscribers")?;
        // One waits while another is sent; what changes meanwhile becomes one event.
        let (sender, events) = mpsc::channel(1);
        tokio::spawn(async move {
            listeners::watch(sender).await;
            drop(place);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(events))))
    }

    async fn post_inotify(
        &self,
        request: Request<Streaming<Inotify>>,
    ) -> Result<Response<()>, Status> {
        let mut changes = request.into_inner();
        while let Some(change) = changes.message().await? {
            let stamp = inotify::stamp(&change);
            stamp.filter(|_| self.touches_files).inspect(|stamp| inotify::touch(&change, stamp));
        }
        Ok(Response::new(()))
    }

    async fn tunnel(
        &self,
        request: Request<Streaming<TunnelMessage>>,
    ) -> Result<Response<Parts<TunnelMessage>>, Status> {
        let place = place(&self.tunnels, "tunnels")?;
        tunnel::open(request.into_inner(), place).await.map(Response::new)
    }

    async fn sync_time(
        &self,
        request: Request<TimeSyncRequest>,
    ) -> Result<Response<TimeSyncResponse>, Status> {
        let host = request.into_inner().host_time;
        let host = host.and_then(|time| SystemTime::try_from(time).ok());
        let host = host.ok_or_else(|| Status::invalid_argument("host_time is no time"))?;
        Ok(Response::new(clock::sync(host, self.sets_clock)))
    }
}
