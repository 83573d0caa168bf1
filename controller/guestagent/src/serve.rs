//! One connection of a host agent.

use std::convert::Infallible;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use limekiln_proto::guest::guest_service_server::GuestServiceServer;
use limekiln_proto::guest::limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::codegen::Service;

use crate::{GuestAgent, NoEmptyAuthority};

/// A host that says nothing and confirms nothing for so long is gone; the transport may not say
/// so, for SSH holds a connection until TCP gives up.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Messages of the caller are no longer. Lima's agent sends parts of 32 KiB, ours of 64 KiB.
const LONGEST: usize = 1 << 20;

/// Serves one connection until it ends.
///
/// # Errors
/// It is no HTTP/2, or breaks.
pub async fn serve<S>(agent: GuestAgent, stream: S) -> Result<(), hyper::Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = GuestServiceServer::new(agent).max_decoding_message_size(LONGEST);
    let calls = service_fn(move |request: hyper::Request<Incoming>| {
        let mut service = service.clone();
        async move {
            Ok::<_, Infallible>(service.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .max_frame_size(limits::FRAME)
        .max_send_buf_size(limits::SEND_BUFFER)
        .max_concurrent_streams(limits::STREAMS)
        .serve_connection(TokioIo::new(NoEmptyAuthority::new(stream)), calls)
        .await
}
