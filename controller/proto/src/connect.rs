//! A connection over a unix socket.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint, Error};
use tower_service::Service;

/// A server whose kernel takes nothing for so long, twice, is gone; a stream ends then.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Connects to a socket.
///
/// # Errors
/// If nobody listens there.
pub async fn connect(socket: &Path) -> Result<Channel, Error> {
    // The path needs not fit into a URI, so it is not put into one.
    Endpoint::from_static("http://localhost")
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .connect_with_connector(Connector(socket.to_owned()))
        .await
}

struct Connector(PathBuf);

impl Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<UnixStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    }
}
