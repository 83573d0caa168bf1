//! The client.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{AgentStatus, Info, Order, Reload};

/// As long as Lima waits.
const DEADLINE: Duration = Duration::from_secs(3);

/// No answer is longer.
const LONGEST: usize = 1 << 20;

/// A client of one host agent. Every call makes its own connection and, but for [`Self::order`],
/// ends within three seconds.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// Why a host agent did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It does not listen.
    #[error("cannot connect to {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is silent.
    #[error("the host agent did not answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// The connection broke.
    #[error("the connection to the host agent broke")]
    Http(#[from] hyper::Error),
    /// The answer is not what it should be.
    #[error("the host agent's answer can't be understood: {0}")]
    Answer(String),
    /// It refused.
    #[error("the host agent refused: {0}")]
    Refused(String),
}

impl Client {
    /// A client of the host agent that listens on `socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// Lima's information.
    ///
    /// # Errors
    /// The host agent does not answer.
    pub async fn info(&self) -> Result<Info, ClientError> {
        self.call(Method::GET, "/v1/info").await
    }

    /// The status.
    ///
    /// # Errors
    /// The host agent does not answer, or it is Lima's, which has no such route.
    pub async fn status(&self) -> Result<AgentStatus, ClientError> {
        self.call(Method::GET, "/v1/limekiln/status").await
    }

    /// Asks for a stop, at once with `force`; returns before the VM is down.
    ///
    /// # Errors
    /// The host agent does not answer, or it is Lima's, which has no such route.
    pub async fn stop(&self, force: bool) -> Result<(), ClientError> {
        let path = if force { "/v1/limekiln/stop?force=true" } else { "/v1/limekiln/stop" };
        self.call::<serde_json::Value>(Method::POST, path).await.map(|_| ())
    }

    /// Says that the port forwards in `lima.yaml` changed; returns when they were read.
    ///
    /// # Errors
    /// The host agent does not answer, it is Lima's, which has no such route, or the file can't be
    /// understood.
    pub async fn reload_forwards(&self) -> Result<(), ClientError> {
        self.call::<serde_json::Value>(Method::POST, "/v1/limekiln/forwards").await.map(|_| ())
    }

    /// Asks that `lima.yaml` be read again; returns at once. What came of it is in the status.
    ///
    /// # Errors
    /// The host agent does not answer, or it is Lima's or an older one, which has no such route.
    pub async fn reload(&self) -> Result<Reload, ClientError> {
        self.call(Method::POST, "/v1/limekiln/reload").await
    }

    /// Has an order carried out. Takes as long as that takes; dropping it does not undo the order.
    ///
    /// # Errors
    /// The host agent does not answer, it is Lima's or an older one, which has no such route, or the
    /// order can't be carried out.
    pub async fn order(&self, order: &Order) -> Result<(), ClientError> {
        let body =
            serde_json::to_vec(order).map_err(|error| ClientError::Answer(error.to_string()))?;
        let path = "/v1/limekiln/orders";
        let done = self.exchange::<serde_json::Value>(Method::POST, path, body.into());
        done.await.map(|_| ())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<T, ClientError> {
        let exchange = self.exchange(method, path, Bytes::new());
        timeout(DEADLINE, exchange).await.unwrap_or(Err(ClientError::Deadline))
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| ClientError::Connect { path: self.socket.clone(), source })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "lima-hostagent")
            .body(Full::new(body))
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        let answer = async move {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST).collect().await;
            let body = body.map_err(|error| ClientError::Answer(error.to_string()))?.to_bytes();
            Ok((status, body))
        };
        // The connection moves the bytes, but must not outlive the exchange.
        let (status, body) = tokio::select! {
            answer = answer => answer,
            Err(error) = connection => Err(ClientError::Http(error)),
        }?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|error| ClientError::Answer(error.to_string()));
        }
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        let refusal = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.message);
        Err(ClientError::Refused(refusal.unwrap_or_else(|_| status.to_string())))
    }
}
