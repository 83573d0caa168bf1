//! The server: a thread of its own, from start to stop.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use limekiln_proto::v1alpha1::DESCRIPTORS;
use limekiln_proto::v1alpha1::control_server::ControlServer;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::transport;
use tonic_health::ServingStatus;
use tonic_health::server::health_reporter;
use tracing::{error, warn};

use crate::desk::Desk;
use crate::feed::Feed;
use crate::peers::{Allowed, peers};
use crate::route::Routes;
use crate::service::Answers;
use crate::socket::{self, SocketError, SocketFile};

/// The largest message that is taken: a plan for thousands of instances, with their templates.
const LARGEST: usize = 32 << 20;
/// Calls at the same time on one connection.
const STREAMS: u32 = 32;
/// A client whose kernel takes nothing for so long, twice, is gone.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Answers that are on their way may take so long when it is stopped.
const GRACE: Duration = Duration::from_millis(500);

/// Answers until it is stopped or dropped.
pub struct Server {
    file: Option<SocketFile>,
    stop: CancellationToken,
    /// It gets its end when the thread has come to its own.
    ended: Option<Receiver<()>>,
}

/// A server that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// No thread, no descriptors.
    #[error("cannot serve")]
    Io(#[from] io::Error),
}

impl ServerError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Socket(error) => error.hint(),
            Self::Io(_) => None,
        }
    }
}

impl Server {
    /// Listens in the home of the desk and begins to answer. The caller has the lock of the home.
    ///
    /// # Errors
    /// If the socket cannot be made; the controller can go on without.
    pub fn start(desk: Desk, feed: Feed) -> Result<Self, ServerError> {
        Self::start_for(desk, feed, Allowed::this_user())
    }

    fn start_for(desk: Desk, feed: Feed, allowed: Allowed) -> Result<Self, ServerError> {
        let path = socket::path(desk.reconciler.home());
        let listener = socket::listen(&path)?;
        let file = Some(SocketFile::at(&path));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let token = stop.clone();
        let (alive, ended) = channel();
        let work = move || {
            serve(runtime, listener, desk, feed, allowed, &token);
            drop::<Sender<()>>(alive);
        };
        thread::Builder::new().name("control".to_owned()).spawn(work)?;
        Ok(Self { file, stop, ended: Some(ended) })
    }

    /// Ends it: answers that are on their way get a moment, and the socket goes.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(ended) = self.ended.take() else { return };
        // Nobody is to connect to what ends.
        self.file = None;
        self.stop.cancel();
        // One that is held up by a disk that does not answer is left behind: whoever stops has no
        // time for it.
        if ended.recv_timeout(2 * GRACE) == Err(RecvTimeoutError::Timeout) {
            warn!("the control API did not come to its end in time");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(
    runtime: Runtime,
    listener: StdListener,
    desk: Desk,
    feed: Feed,
    allowed: Allowed,
    stop: &CancellationToken,
) {
    let served = runtime.block_on(async {
        let work = answer(listener, desk, feed, allowed, stop);
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            served = work => served,
            () = late => Ok(()),
        }
    });
    if let Err(why) = served {
        error!("the control API has ended: {why}");
    }
    // What waits for a lock or a disk is not waited for.
    runtime.shutdown_background();
}

async fn answer(
    listener: StdListener,
    desk: Desk,
    feed: Feed,
    allowed: Allowed,
    stop: &CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (reporter, health) = health_reporter();
    let service = ControlServer::<Answers>::NAME;
    reporter.set_service_status(service, ServingStatus::Serving).await;
    let described = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (reflection, older_reflection) = (described().build_v1()?, described().build_v1alpha()?);
    let answers = Answers::new(desk, feed, stop.clone());
    let board = answers.board();
    tokio::spawn(async move { board.keep().await });
    let control = ControlServer::new(answers).max_decoding_message_size(LARGEST);
    let incoming = ReceiverStream::new(peers(UnixListener::from_std(listener)?, allowed));
    transport::Server::builder()
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .serve_with_incoming_shutdown(
            Routes { control, health, reflection, older_reflection },
            incoming,
            stop.cancelled(),
        )
        .await?;
    Ok(())
}
