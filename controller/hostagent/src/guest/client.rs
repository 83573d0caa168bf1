//! Calls to the guest agent, over any connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use limekiln_proto::guest::guest_service_client::GuestServiceClient;
use limekiln_proto::guest::{
    Event, Info, Inotify, TimeSyncRequest, TimeSyncResponse, TunnelMessage, limits,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response, Uri};
use tonic::{Status, Streaming};

/// A guest that says nothing and confirms nothing for so long is gone.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Calls with one answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Messages are no longer: all ports of one address take a third of it.
const LONGEST: usize = 4 << 20;
/// Nor those of tunnels, of which there may be many; ours have 64 KiB.
const LONGEST_PART: usize = 1 << 20;

/// A connection to a guest agent; copies share it.
#[derive(Clone, Debug)]
pub struct GuestClient {
    calls: GuestServiceClient<Sender>,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer in time.
    #[error("the guest agent did not answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// It refused, or the connection broke.
    #[error("the guest agent failed")]
    Status(#[from] Status),
    /// There is no connection.
    #[error("the connection to the guest agent broke")]
    Http(#[from] hyper::Error),
}

impl GuestClient {
    /// Begins to speak over a connection. The future moves the bytes: it is to be run as long as
    /// the client is used, and ends with the connection.
    ///
    /// # Errors
    /// The connection breaks at once.
    pub async fn over<S>(
        stream: S,
    ) -> Result<(Self, impl Future<Output = Result<(), hyper::Error>>), CallError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .initial_stream_window_size(limits::STREAM_WINDOW)
            .initial_connection_window_size(limits::CONNECTION_WINDOW)
            .max_frame_size(limits::FRAME)
            .max_send_buf_size(limits::SEND_BUFFER)
            .handshake(TokioIo::new(stream))
            .await?;
        let origin = Uri::from_static("http://localhost");
        let calls = GuestServiceClient::with_origin(Sender(sender), origin);
        Ok((Self { calls: calls.max_decoding_message_size(LONGEST) }, connection))
    }

    /// What listens in the guest. Without a deadline: it is also the first call, which a guest
    /// answers when it is up.
    ///
    /// # Errors
    /// The agent fails, or the connection breaks.
    pub async fn info(&self) -> Result<Info, CallError> {
        Ok(self.calls.clone().get_info(()).await?.into_inner())
    }

    /// What changes from now on.
    ///
    /// # Errors
    /// The agent fails or is silent, or the connection breaks.
    pub async fn events(&self) -> Result<Streaming<Event>, CallError> {
        let mut calls = self.calls.clone();
        Ok(within(calls.get_events(())).await?.into_inner())
    }

    /// Tells the time.
    ///
    /// # Errors
    /// The agent fails or is silent, or the connection breaks.
    pub async fn sync_time(&self) -> Result<TimeSyncResponse, CallError> {
        let request = TimeSyncRequest { host_time: Some(SystemTime::now().into()) };
        let mut calls = self.calls.clone();
        Ok(within(calls.sync_time(request)).await?.into_inner())
    }

    /// Tells changes of files, until they end.
    ///
    /// # Errors
    /// The agent fails, or the connection breaks.
    pub async fn post_inotify(
        &self,
        changes: impl Stream<Item = Inotify> + Send + 'static,
    ) -> Result<(), CallError> {
        self.calls.clone().post_inotify(changes).await?;
        Ok(())
    }

    /// Opens a tunnel; the first message says where to.
    ///
    /// # Errors
    /// The agent can't connect to there, or the connection breaks.
    pub async fn tunnel(
        &self,
        messages: impl Stream<Item = TunnelMessage> + Send + 'static,
    ) -> Result<Streaming<TunnelMessage>, Status> {
        let calls = self.calls.clone();
        let mut calls = calls.max_decoding_message_size(LONGEST_PART);
        Ok(calls.tunnel(messages).await?.into_inner())
    }
}

async fn within<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, CallError> {
    Ok(timeout(DEADLINE, call).await.map_err(|_| CallError::Deadline)??)
}

/// hyper's sender as the service that tonic calls.
#[derive(Clone, Debug)]
struct Sender(http2::SendRequest<Body>);

impl Service<Request<Body>> for Sender {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
