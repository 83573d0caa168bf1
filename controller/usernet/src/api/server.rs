//! The server: Lima's paths and words.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::forwards::{Exposed, Forwards, Local};
use super::state::StateFile;
use super::vm::Vm;
use crate::dns::{Zone, Zones};
use crate::mail::{Mail, Mailbox};
use crate::switch::Refusal;

/// Longest body.
const BODY: usize = 64 << 10;

/// How long the API waits for the datapath.
const PATIENCE: Duration = Duration::from_secs(5);

/// What requests work on.
pub struct Api {
    /// The datapath.
    pub mailbox: Mailbox,
    /// The network's names.
    pub zones: Arc<Mutex<Zones>>,
    /// Ports that lead to guests.
    pub forwards: Mutex<Forwards>,
    /// Where both are kept.
    pub state: StateFile,
}

type Answer = Response<Full<Bytes>>;

/// Answers clients until aborted. Only this user and root are served.
pub async fn serve(listener: UnixListener, api: Arc<Api>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_friend(&stream) => {
                let api = Arc::clone(&api);
                tokio::spawn(connection(stream, api));
            }
            Ok(_) => tracing::warn!("refused a connection of another user"),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Answers one client.
pub async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, api: Arc<Api>) {
    let service = service_fn(|request| {
        let api = Arc::clone(&api);
        async move { Ok::<_, Infallible>(api.answer(request).await) }
    });
    // A client that goes away is its own business.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn is_friend(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let post = request.method() == Method::POST;
        match path.as_str() {
            "/services/dhcp/leases" | "/leases" => self.leases().await,
            "/services/forwarder/all" => match self.forwards.lock() {
                Ok(forwards) => json(&forwards.all()),
                Err(_) => broken(),
            },
            "/services/dns/all" => match self.zones.lock() {
                Ok(zones) => json(&zones.zones()),
                Err(_) => broken(),
            },
            "/stats" | "/cam" => self.figures(&path).await,
            "/extension/wait_port" => self.wait_port(request.uri().query().unwrap_or("")).await,
            "/services/forwarder/expose"
            | "/services/forwarder/unexpose"
            | "/services/dns/add"
            | "/limekiln/vms"
                if !post =>
            {
                text(StatusCode::BAD_REQUEST, "post only")
            }
            "/services/forwarder/expose" => self.change(request, |a, b| a.expose(&b)).await,
            "/services/forwarder/unexpose" => self.change(request, |a, b| a.unexpose(&b)).await,
            "/services/dns/add" => self.change(request, |a, b| a.add_names(b)).await,
            "/limekiln/vms" => match read(request).await {
                Ok(vm) => self.tell(&vm).await,
                Err(answer) => answer,
            },
            _ => text(StatusCode::NOT_FOUND, "there is no such path"),
        }
    }

    /// Reads the body, does what it asks for, and keeps it for after a crash.
    async fn change<T: DeserializeOwned>(
        &self,
        request: Request<Incoming>,
        change: impl FnOnce(&Self, T) -> Answer,
    ) -> Answer {
        let answer = match read(request).await {
            Ok(body) => change(self, body),
            Err(answer) => return answer,
        };
        if answer.status() == StatusCode::OK {
            self.state.save(&self.zones, &self.forwards);
        }
        answer
    }

    /// Answers once it counts: then the guest may speak.
    async fn tell(&self, vm: &Vm) -> Answer {
        let (pid, macs) = match vm.macs() {
            Ok(macs) => (vm.pid, macs),
            Err(error) => return text(StatusCode::BAD_REQUEST, &error),
        };
        let (to, answer) = oneshot::channel();
        self.mailbox.post(Mail::Tell { pid, macs, to });
        match timeout(PATIENCE, answer).await {
            Ok(Ok(Ok(()))) => text(StatusCode::OK, ""),
            Ok(Ok(Err(refusal))) => text(refused(&refusal), &refusal.to_string()),
            _ => broken(),
        }
    }

    fn expose(&self, wanted: &Exposed) -> Answer {
        let Ok(mut forwards) = self.forwards.lock() else { return broken() };
        done(forwards.expose(&self.mailbox, wanted))
    }

    fn unexpose(&self, at: &Local) -> Answer {
        let Ok(mut forwards) = self.forwards.lock() else { return broken() };
        done(forwards.unexpose(&self.mailbox, at))
    }

    fn add_names(&self, zone: Zone) -> Answer {
        if zone.name.trim_matches('.').is_empty() {
            return text(StatusCode::BAD_REQUEST, "a zone has a name, with a dot at its end");
        }
        let Ok(mut zones) = self.zones.lock() else { return broken() };
        zones.add(zone);
        text(StatusCode::OK, "")
    }

    async fn leases(&self) -> Answer {
        let (to, answer) = oneshot::channel();
        self.mailbox.post(Mail::Leases(to));
        match timeout(PATIENCE, answer).await {
            Ok(Ok(leases)) => {
                let leases: std::collections::BTreeMap<_, _> =
                    leases.into_iter().map(|(address, mac)| (address, mac.to_string())).collect();
                json(&leases)
            }
            _ => broken(),
        }
    }

    async fn figures(&self, path: &str) -> Answer {
        let (to, answer) = oneshot::channel();
        self.mailbox.post(Mail::Figures(to));
        match timeout(PATIENCE, answer).await {
            Ok(Ok(figures)) if path == "/cam" => json(&figures.stations),
            Ok(Ok(figures)) => json(&figures),
            _ => broken(),
        }
    }

    /// Waits until a guest accepts connections: Lima's extension.
    async fn wait_port(&self, query: &str) -> Answer {
        let words: HashMap<_, _> =
            query.split('&').filter_map(|word| word.split_once('=')).collect();
        let number = |key| words.get(key).and_then(|word| word.parse::<u16>().ok());
        let ip = words.get("ip").and_then(|word| word.parse().ok());
        let (Some(ip), Some(port)) = (ip, number("port")) else {
            return text(StatusCode::BAD_REQUEST, "ip and port are needed");
        };
        let patience = Duration::from_secs(number("timeout").unwrap_or(10).into());
        let guest = SocketAddrV4::new(ip, port);
        let listens = async {
            while !self.listens(guest).await {
                sleep(Duration::from_secs(1)).await;
            }
        };
        match timeout(patience, listens).await {
            Ok(()) => text(StatusCode::OK, ""),
            Err(_) => text(StatusCode::REQUEST_TIMEOUT, "the guest does not listen there yet"),
        }
    }

    async fn listens(&self, guest: SocketAddrV4) -> bool {
        let Ok((_ours, theirs)) = StdStream::pair() else { return false };
        let (outcome, answer) = oneshot::channel();
        let socket = OwnedFd::from(theirs);
        self.mailbox.post(Mail::Dial { guest, socket, outcome });
        matches!(timeout(PATIENCE, answer).await, Ok(Ok(true)))
    }
}

/// A request's body, or what is wrong with it, as Lima's daemon says it.
async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Answer> {
    let bad = |error: String| text(StatusCode::BAD_REQUEST, &error);
    let body = Limited::new(request.into_body(), BODY).collect().await;
    let body = body.map_err(|error| bad(error.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))
}

fn done(result: Result<(), super::forwards::Error>) -> Answer {
    match result {
        Ok(()) => text(StatusCode::OK, ""),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                &format!("{error}{}", cause.unwrap_or_default()),
            )
        }
    }
}

/// Whoever hears of a conflict tells a person that two VMs have one address.
fn refused(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Anothers { .. } => StatusCode::CONFLICT,
        Refusal::NoProcess(_) => StatusCode::GONE,
        Refusal::OtherVm(_) | Refusal::NoCards(_) => StatusCode::BAD_REQUEST,
    }
}

fn broken() -> Answer {
    text(StatusCode::INTERNAL_SERVER_ERROR, "the daemon is ending")
}

fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut answer = Response::new(Full::new(body.into()));
    let kind = hyper::header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

fn text(status: StatusCode, text: &str) -> Answer {
    let line = if text.is_empty() { String::new() } else { format!("{text}\n") };
    let mut answer = Response::new(Full::new(line.into()));
    *answer.status_mut() = status;
    answer
}
