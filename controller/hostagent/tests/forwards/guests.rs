//! Guest agents, each on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use limekiln_guestagent::{GuestAgent, serve};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixListener;
use tokio::time::timeout;

/// Ours, as it runs in a guest; here what listens in the guest is what listens on this machine.
pub fn ours(socket: &Path) {
    let agent = GuestAgent::new();
    listen(socket, move |stream| serve(agent.clone(), stream));
}

/// Ours, but each connection ends after a moment, as with an agent that is killed; counts them.
pub fn brief(socket: &Path, life: Duration) -> Arc<AtomicUsize> {
    let (agent, lives) = (GuestAgent::new(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&lives);
    listen(socket, move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        let serving = serve(agent.clone(), stream);
        async move { timeout(life, serving).await.unwrap_or(Ok(())) }
    });
    lives
}

/// Serves each connection for the rest of the test.
pub fn listen<F>(socket: &Path, connection: impl Fn(tokio::net::UnixStream) -> F + Send + 'static)
where
    F: Future<Output = Result<(), hyper::Error>> + Send + 'static,
{
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = UnixListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream));
            }
        });
    });
}

/// A connection of a service, with its own bounds.
pub async fn connection<S, T>(service: S, stream: T) -> Result<(), hyper::Error>
where
    S: limekiln_proto::guest::guest_service_server::GuestService,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use limekiln_proto::guest::guest_service_server::GuestServiceServer;
    use tonic::codegen::Service;
    let service = GuestServiceServer::new(service);
    let calls =
        hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut service = service.clone();
            async move { service.call(request).await }
        });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder.serve_connection(TokioIo::new(stream), calls).await
}
