//! What Lima's own host agent asks of the daemon, byte for byte, in the order in which it asks:
//! recorded between limactl 2.2.0 and this daemon while an instance started and stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use crate::peer::guest::PATIENCE;
use crate::peer::{Daemon, Guest};

const AGENT: &str = "Host: lima\r\nUser-Agent: Go-http-client/1.1\r\n";

/// A connection of the agent's, which it keeps.
struct Agent(BufReader<UnixStream>);

impl Agent {
    fn connect(daemon: &Daemon) -> Self {
        let stream = UnixStream::connect(daemon.path("ep.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn get(&mut self, path: &str) -> (String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\n{AGENT}Accept-Encoding: gzip\r\n\r\n"))
    }

    fn post(&mut self, path: &str, body: &str) -> (String, String) {
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\n{AGENT}Content-Length: {length}\r\n\
             Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n{body}"
        ))
    }

    /// The first line and the body of the answer.
    fn ask(&mut self, request: &str) -> (String, String) {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length) = (String::new(), 0);
        self.0.read_line(&mut status).unwrap();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status.trim_end().to_owned(), String::from_utf8(body).unwrap())
    }
}

#[test]
fn limas_host_agent_finds_what_it_asks_for() {
    const OK: &str = "HTTP/1.1 200 OK";
    let mac = "52:55:55:00:00:01";
    let daemon = Daemon::start(&["--leases", &format!("192.168.104.1={mac}")]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let mut agent = Agent::connect(&daemon);
    let (status, leases) = agent.get("/services/dhcp/leases");
    assert_eq!(status, OK);
    let found = format!(r#"{{"192.168.104.1":"{mac}","192.168.104.2":"5a:94:ef:e4:0c:dd"}}"#);
    assert_eq!(leases, found);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let local = format!("127.0.0.1:{port}");
    let exposed = format!(r#"{{"local":"{local}","remote":"192.168.104.1:22","protocol":"tcp"}}"#);
    let done = (OK.to_owned(), String::new());
    assert_eq!(agent.post("/services/forwarder/expose", &exposed), done);
    // Names of `hostResolver.hosts`: one without a dot is a zone with an address.
    for zone in [
        r#"{"Name":"plainname","Records":null,"DefaultIP":"10.0.0.8"}"#,
        r#"{"Name":"internal.","Records":[{"Name":"lima-c","IP":"192.168.104.1"},{"Name":"host.lima","IP":"192.168.104.2"}],"DefaultIP":""}"#,
        r#"{"Name":"test.","Records":[{"Name":"db","IP":"10.0.0.9"}],"DefaultIP":""}"#,
    ] {
        assert_eq!(agent.post("/services/dns/add", zone), done);
    }
    for (name, address) in [
        ("plainname.", "10.0.0.8"),
        ("lima-c.internal.", "192.168.104.1"),
        ("host.lima.internal.", "192.168.104.2"),
        ("db.test.", "10.0.0.9"),
    ] {
        assert_eq!(crate::dns::address(&mut guest, name).as_deref(), Some(address), "{name}");
    }
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("SSH comes by it");

    // At the instance's end, on another connection.
    let mut agent = Agent::connect(&daemon);
    let gone = format!(r#"{{"local":"{local}","protocol":"tcp"}}"#);
    assert_eq!(agent.post("/services/forwarder/unexpose", &gone), done);
    assert_eq!(agent.get("/services/forwarder/all").1, "[]");
    // Before it stops the daemon, limactl writes these down itself.
    assert_eq!(Agent::connect(&daemon).get("/services/dhcp/leases").1, found);
}
