//! The server.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::{Info, Order, Reload, Shared, StopRequest};
use crate::Error;

/// The path of orders, which alone are more than a path.
const ORDERS: &str = "/v1/limekiln/orders";

/// No order is longer.
const LONGEST_ORDER: usize = 1 << 16;

/// Serves until dropped; then the socket is removed.
#[derive(Debug)]
pub(crate) struct Server {
    socket: PathBuf,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on `socket`, which only this user may open. A socket that an earlier host agent
    /// left behind is replaced; the caller made sure that none lives.
    pub(crate) fn start(socket: &Path, shared: Arc<Shared>) -> Result<Self, Error> {
        let failed = |source| Error::File { doing: "listen on", path: socket.to_owned(), source };
        if fs::symlink_metadata(socket).is_ok_and(|file| file.file_type().is_socket()) {
            fs::remove_file(socket).map_err(failed)?;
        }
        let listener = UnixListener::bind(socket).map_err(failed)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let task = tokio::spawn(accept(listener, shared));
        Ok(Self { socket: socket.to_owned(), task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        // Nothing can be done about a failure, and the next host agent replaces the socket.
        let _ = fs::remove_file(&self.socket);
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_friend(&stream) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(|request: Request<Incoming>| {
                        let shared = Arc::clone(&shared);
                        async move {
                            let is_order = request.uri().path() == ORDERS;
                            let response = if is_order && request.method() == Method::POST {
                                obey(request, shared).await
                            } else {
                                answer(&request, &shared)
                            };
                            Ok::<_, Infallible>(response)
                        }
                    });
                    // A client that goes away is its own business.
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Ok(_) => tracing::warn!("refused a connection of another user"),
            Err(error) => {
                // Out of descriptors, most likely: others may be closed in a moment.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        }
    }
}

/// Whether the peer is this user or root, whatever the socket's permissions became.
fn is_friend(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Carries out an order, also if whoever gave it goes away meanwhile.
async fn obey(request: Request<Incoming>, shared: Arc<Shared>) -> Response<Full<Bytes>> {
    let Ok(body) = Limited::new(request.into_body(), LONGEST_ORDER).collect().await else {
        return refuse(StatusCode::BAD_REQUEST, "the order is too long");
    };
    let order: Order = match serde_json::from_slice(&body.to_bytes()) {
        Ok(order) => order,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &format!("no order: {error}")),
    };
    let done = tokio::spawn(async move { shared.order(order).await }).await;
    match done.unwrap_or_else(|_| Err("the host agent gave up".to_owned())) {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
        Err(why) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

fn answer(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let (method, path) = (request.method(), request.uri().path());
    let wanted = match path {
        "/v1/info" | "/v1/limekiln/status" => Method::GET,
        "/v1/limekiln/stop" | "/v1/limekiln/forwards" | "/v1/limekiln/reload" | ORDERS => {
            Method::POST
        }
        _ => return refuse(StatusCode::NOT_FOUND, "no such path"),
    };
    if *method != wanted {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "wrong method");
    }
    match path {
        "/v1/info" => {
            json(StatusCode::OK, &Info { ssh_local_port: shared.status().ssh_local_port })
        }
        "/v1/limekiln/status" => json(StatusCode::OK, &shared.status()),
        "/v1/limekiln/forwards" => match shared.reload_forwards() {
            Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
            Err(message) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &message),
        },
        "/v1/limekiln/reload" => {
            json(StatusCode::ACCEPTED, &Reload { reload: shared.ask_for_reload() })
        }
        _ => {
            let query = request.uri().query().unwrap_or_default();
            let force = query.split('&').any(|pair| pair == "force=true");
            shared.stop(if force { StopRequest::Force } else { StopRequest::Graceful });
            json(StatusCode::ACCEPTED, &serde_json::json!({}))
        }
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    json(status, &serde_json::json!({ "message": message }))
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(bytes)));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
