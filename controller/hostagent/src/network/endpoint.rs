//! The daemon's HTTP API, which is gvisor-tap-vsock's with an addition of Lima's.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{NetworkError, NetworkFiles};

/// It answers from memory.
const DEADLINE: Duration = Duration::from_secs(5);
/// No answer is longer.
const LONGEST: usize = 1 << 20;

/// A client of one daemon. Every call makes its own connection.
#[derive(Clone, Debug)]
pub struct Endpoint {
    socket: PathBuf,
    network: String,
}

/// A name that guests can look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsRecord {
    /// Such as `lima-web.internal`.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
}

impl Endpoint {
    pub(super) fn new(files: &NetworkFiles) -> Self {
        Self { socket: files.endpoint(), network: files.name().to_owned() }
    }

    /// Whether it accepts connections.
    pub async fn answers(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    /// Which address is whose, by address; MAC addresses are in lower case.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub async fn leases(&self) -> Result<BTreeMap<Ipv4Addr, String>, NetworkError> {
        let body = self.call(Method::GET, "/services/dhcp/leases", None).await?;
        let leases: BTreeMap<Ipv4Addr, String> =
            serde_json::from_slice(&body).map_err(|error| self.failed(&error.to_string()))?;
        Ok(leases.into_iter().map(|(ip, mac)| (ip, mac.to_lowercase())).collect())
    }

    /// Tells which hardware addresses the VM in a process has. To be called before its guest says
    /// anything, by who can tell that the process has not ended. Lima's daemon does not want to know.
    ///
    /// # Errors
    /// The daemon does not answer, or another VM that runs has one of the addresses.
    pub async fn tell_vm(&self, pid: u32, cards: &[String]) -> Result<(), NetworkError> {
        let body = json!({"pid": pid, "cards": cards});
        match self.call(Method::POST, "/limekiln/vms", Some(&body)).await {
            Err(NetworkError::Endpoint { reason, .. }) if reason.starts_with("404 ") => Ok(()),
            Err(NetworkError::Endpoint { network, reason }) => {
                match reason.strip_prefix("409 Conflict: ") {
                    Some(reason) => Err(NetworkError::Card { network, reason: reason.to_owned() }),
                    None => Err(NetworkError::Endpoint { network, reason }),
                }
            }
            result => result.map(drop),
        }
    }

    /// Has the daemon listen on a port of 127.0.0.1 and lead connections to `to`.
    ///
    /// # Errors
    /// The daemon does not answer, or the port is taken. That it does so already is none.
    pub async fn expose(&self, port: u16, to: (Ipv4Addr, u16)) -> Result<(), NetworkError> {
        let remote = format!("{}:{}", to.0, to.1);
        let local = format!("127.0.0.1:{port}");
        let body = json!({"local": local, "remote": remote, "protocol": "tcp"});
        match self.call(Method::POST, "/services/forwarder/expose", Some(&body)).await {
            Err(NetworkError::Endpoint { reason, .. }) if reason.contains("already running") => {
                self.exposed_so(&local, &remote).await
            }
            result => result.map(drop),
        }
    }

    /// A port that leads elsewhere is led anew: an instance may have got another address.
    async fn exposed_so(&self, local: &str, remote: &str) -> Result<(), NetworkError> {
        let all = self.call(Method::GET, "/services/forwarder/all", None).await?;
        let all: Vec<Value> = serde_json::from_slice(&all).unwrap_or_default();
        // gvisor-tap-vsock writes the remote end as a URL.
        let same = |one: &Value| {
            one["local"] == local && one["remote"].as_str().is_some_and(|it| it.ends_with(remote))
        };
        if all.iter().any(same) {
            return Ok(());
        }
        let gone = json!({"local": local, "protocol": "tcp"});
        self.call(Method::POST, "/services/forwarder/unexpose", Some(&gone)).await?;
        let body = json!({"local": local, "remote": remote, "protocol": "tcp"});
        self.call(Method::POST, "/services/forwarder/expose", Some(&body)).await.map(drop)
    }

    /// Ends that.
    ///
    /// # Errors
    /// The daemon does not answer, or does not listen there.
    pub async fn unexpose(&self, port: u16) -> Result<(), NetworkError> {
        let body = json!({"local": format!("127.0.0.1:{port}"), "protocol": "tcp"});
        self.call(Method::POST, "/services/forwarder/unexpose", Some(&body)).await.map(drop)
    }

    /// Adds names. Each is a record of the zone behind its last dot, as Lima puts them.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub async fn add_names(&self, records: &[DnsRecord]) -> Result<(), NetworkError> {
        let mut zones: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for record in records {
            let (name, zone) = record.name.rsplit_once('.').unwrap_or((&record.name, ""));
            let entry = json!({"Name": name, "IP": record.address});
            zones.entry(zone).or_default().push(entry);
        }
        for (zone, records) in zones {
            let body = json!({"Name": format!("{zone}."), "Records": records});
            self.call(Method::POST, "/services/dns/add", Some(&body)).await?;
        }
        Ok(())
    }

    fn failed(&self, reason: &str) -> NetworkError {
        NetworkError::Endpoint { network: self.network.clone(), reason: reason.trim().to_owned() }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, NetworkError> {
        match timeout(DEADLINE, self.exchange(method, path, body)).await {
            Ok(result) => result.map_err(|reason| self.failed(&reason)),
            Err(_) => Err(self.failed(&format!("not within {} s", DEADLINE.as_secs()))),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, String> {
        let text = |error: &dyn std::error::Error| crate::chain(error);
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| text(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "lima")
            .header("content-type", "application/json")
            .body(Full::<Bytes>::from(bytes))
            .map_err(|error| text(&error))?;
        let answer = async move {
            let response = sender.send_request(request).await.map_err(|error| text(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            if status.is_success() {
                return Ok(body);
            }
            Err(format!("{status}: {}", String::from_utf8_lossy(&body)))
        };
        tokio::select! {
            answer = answer => answer,
            Err(error) = connection => Err(text(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    const LEASES: &str = "HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 13:39:10 GMT\r\nContent-Length: 66\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{\"10.88.0.1\":\"52:55:55:3c:f3:59\",\"10.88.0.2\":\"5a:94:ef:e4:0c:dd\"}\n";
    const DONE: &str =
        "HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 13:39:10 GMT\r\nContent-Length: 0\r\n\r\n";
    const TAKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nDate: Thu, 26 Nov 2026 13:39:10 GMT\r\nContent-Length: 22\r\n\r\nproxy already running\n";
    const ALL: &str = "HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 13:39:11 GMT\r\nContent-Length: 71\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n[{\"local\":\"127.0.0.1:33069\",\"remote\":\"10.88.0.1:22\",\"protocol\":\"tcp\"}]\n";
    const NONE: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nDate: Thu, 26 Nov 2026 13:39:11 GMT\r\nContent-Length: 16\r\n\r\nproxy not found\n";

    const NO_PATH: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 19\r\n\r\n404 page not found\n";
    const GONE: &str = "HTTP/1.1 410 Gone\r\nContent-Length: 22\r\n\r\nthere is no process 7\n";
    const CONFLICT: &str = "HTTP/1.1 409 Conflict\r\nContent-Length: 16\r\n\r\nit is another's\n";

    /// A client of a daemon that gives these answers, one on each connection, and what it is asked:
    /// the first line and the body.
    fn replay(
        answers: &'static [&'static str],
    ) -> (tempfile::TempDir, Endpoint, tokio::task::JoinHandle<Vec<(String, Value)>>) {
        let home = tempfile::tempdir().unwrap();
        let files = NetworkFiles::new(home.path(), "lan");
        std::fs::create_dir_all(files.dir()).unwrap();
        let listener = UnixListener::bind(files.endpoint()).unwrap();
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = String::new();
                while !is_whole(&request) {
                    let mut part = [0; 1024];
                    let count = stream.read(&mut part).await.unwrap();
                    assert!(count > 0, "{request}");
                    request += std::str::from_utf8(&part[..count]).unwrap();
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (head, body) = request.split_once("\r\n\r\n").unwrap();
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
                let body = serde_json::from_str(body).unwrap_or_default();
                asked.push((line.to_owned(), body));
            }
            asked
        });
        (home, Endpoint::new(&files), asked)
    }

    fn is_whole(request: &str) -> bool {
        let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        length.map_or(0, |length| length.parse().unwrap()) <= body.len()
    }

    /// The answers are those of `limactl usernet` 2.2.0.
    #[tokio::test]
    async fn limas_daemon_is_understood() {
        let (_home, endpoint, asked) = replay(&[LEASES, DONE, TAKEN, ALL, DONE, NONE, DONE, DONE]);
        let guest = Ipv4Addr::new(10, 88, 0, 1);
        let leases = endpoint.leases().await.unwrap();
        assert_eq!(leases[&guest], "52:55:55:3c:f3:59");
        endpoint.expose(33069, (guest, 22)).await.unwrap();
        endpoint.expose(33069, (guest, 22)).await.expect("it leads there already");
        endpoint.unexpose(33069).await.unwrap();
        let error = endpoint.unexpose(33069).await.unwrap_err().to_string();
        assert!(error.ends_with("500 Internal Server Error: proxy not found"), "{error}");
        let record = |name: &str, last| DnsRecord {
            name: name.to_owned(),
            address: Ipv4Addr::new(10, 88, 0, last),
        };
        let names = [record("lima-a.internal", 1), record("host.lima.internal", 2)];
        endpoint.add_names(&names).await.unwrap();
        endpoint.add_names(&[record("db.test", 9)]).await.unwrap();
        let forward = json!({"local": "127.0.0.1:33069", "protocol": "tcp"});
        let mut whole = forward.clone();
        whole["remote"] = "10.88.0.1:22".into();
        let zone = |name: &str, records: Value| json!({"Name": name, "Records": records});
        let own = json!([
            {"Name": "lima-a", "IP": "10.88.0.1"}, {"Name": "host.lima", "IP": "10.88.0.2"}
        ]);
        let expected = [
            ("GET /services/dhcp/leases", Value::Null),
            ("POST /services/forwarder/expose", whole.clone()),
            ("POST /services/forwarder/expose", whole),
            ("GET /services/forwarder/all", Value::Null),
            ("POST /services/forwarder/unexpose", forward.clone()),
            ("POST /services/forwarder/unexpose", forward),
            ("POST /services/dns/add", zone("internal.", own)),
            ("POST /services/dns/add", zone("test.", json!([{"Name": "db", "IP": "10.88.0.9"}]))),
        ];
        let asked = asked.await.unwrap();
        assert_eq!(asked, expected.map(|(line, body)| (line.to_owned(), body)));
    }

    /// Lima's daemon has no such path; ours refuses what another VM has.
    #[tokio::test]
    async fn a_vm_is_told_to_a_daemon_that_wants_to_know() {
        let (_home, endpoint, asked) = replay(&[DONE, NO_PATH, CONFLICT, GONE, NONE]);
        let cards = ["52:55:55:3c:f3:59".to_owned()];
        endpoint.tell_vm(7, &cards).await.unwrap();
        endpoint.tell_vm(7, &cards).await.expect("Lima's");
        let error = endpoint.tell_vm(7, &cards).await.unwrap_err();
        assert_eq!(error.to_string(), "network/lan: it is another's");
        assert!(error.hint().is_some_and(|hint| hint.contains("macAddress")));
        let error = endpoint.tell_vm(7, &cards).await.unwrap_err();
        assert!(error.to_string().ends_with("410 Gone: there is no process 7"), "{error}");
        assert_eq!(error.hint(), None, "no card of another VM's");
        assert!(endpoint.tell_vm(7, &cards).await.unwrap_err().to_string().contains("500"));
        let told = ("POST /limekiln/vms".to_owned(), json!({"pid": 7, "cards": cards}));
        assert_eq!(asked.await.unwrap(), vec![told; 5]);
    }

    /// What leads elsewhere is led anew.
    #[tokio::test]
    async fn a_port_of_an_instance_with_another_address_is_led_anew() {
        let (_home, endpoint, asked) = replay(&[TAKEN, ALL, DONE, DONE]);
        endpoint.expose(33069, (Ipv4Addr::new(10, 88, 0, 7), 22)).await.unwrap();
        let asked = asked.await.unwrap();
        assert_eq!(asked[2].0, "POST /services/forwarder/unexpose");
        assert_eq!(asked[3].1["remote"], "10.88.0.7:22");
    }
}
