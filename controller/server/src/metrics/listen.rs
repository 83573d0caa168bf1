//! A small HTTP server with one page.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use limekiln_reconciler::Handle;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::address::MetricsAddress;
use super::exposition::Exposition;
use crate::feed::Feed;
use crate::socket::{self, SocketError, SocketFile};

/// So many ask at the same time.
const CONNECTIONS: usize = 16;
/// Who has not asked and read by then is let go.
const LONGEST: Duration = Duration::from_secs(10);
/// Of the text format, Prometheus' exposition formats.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves metrics until it is dropped, on a thread of its own.
pub struct MetricsServer {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    _socket: Option<SocketFile>,
}

/// Metrics that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The socket cannot be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The port is taken, or there are no descriptors.
    #[error("cannot serve metrics on {address:?}")]
    Io {
        /// Where.
        address: MetricsAddress,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl MetricsError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Socket(error) => error.hint(),
            Self::Io { .. } => None,
        }
    }
}

enum Listener {
    Unix(StdUnixListener),
    Loopback(StdTcpListener),
}

impl MetricsServer {
    /// Begins to serve.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub fn start(
        address: &MetricsAddress,
        controller: Handle,
        feed: Feed,
    ) -> Result<Self, MetricsError> {
        let failed = |source| MetricsError::Io { address: address.clone(), source };
        let (listener, socket) = match address {
            MetricsAddress::Unix(path) => {
                (Listener::Unix(socket::listen_where_free(path)?), Some(SocketFile::at(path)))
            }
            MetricsAddress::Loopback(address) => {
                let listener = StdTcpListener::bind(address).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                (Listener::Loopback(listener), None)
            }
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, exposition) = (CancellationToken::new(), Exposition::new(controller, feed));
        let token = stop.clone();
        let work = move || serve(&runtime, listener, Arc::new(exposition), &token);
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(work);
        Ok(Self { stop, thread: Some(thread.map_err(failed)?), _socket: socket })
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stop.cancel();
        // Who panicked has said so.
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(
    runtime: &Runtime,
    listener: Listener,
    exposition: Arc<Exposition>,
    stop: &CancellationToken,
) {
    runtime.block_on(async {
        let work = async {
            match listener {
                Listener::Unix(listener) => {
                    let listener = UnixListener::from_std(listener)?;
                    accept(exposition, || async { listener.accept().await.map(|(peer, _)| peer) })
                        .await
                }
                Listener::Loopback(listener) => {
                    let listener = TcpListener::from_std(listener)?;
                    accept(exposition, || async { listener.accept().await.map(|(peer, _)| peer) })
                        .await
                }
            }
        };
        let ended: Option<io::Result<Infallible>> = tokio::select! {
            ended = work => Some(ended),
            () = stop.cancelled() => None,
        };
        if let Some(Err(error)) = ended {
            tracing::error!("metrics are served no longer: {error}");
        }
    });
}

async fn accept<S, F>(exposition: Arc<Exposition>, next: impl Fn() -> F) -> io::Result<Infallible>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>>,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(stream) = next().await else {
            // Too many open files: it passes.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let exposition = Arc::clone(&exposition);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let answer = answer(&exposition, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // Who breaks off has what he wanted, or did not want it.
            let _ = timeout(LONGEST, connection).await;
            drop(place);
        });
    }
}

fn answer(exposition: &Exposition, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let plain = |status: StatusCode, text: String| {
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response
    };
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => match exposition.text() {
            Ok(text) => {
                let mut response = plain(StatusCode::OK, text);
                let format = hyper::header::HeaderValue::from_static(FORMAT);
                response.headers_mut().insert(CONTENT_TYPE, format);
                response
            }
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
        _ => plain(StatusCode::NOT_FOUND, "GET /metrics\n".to_owned()),
    }
}
