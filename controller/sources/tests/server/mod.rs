//! A small HTTP server on a real socket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    head: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().skip(1);
        let headers = lines.filter_map(|line| line.split_once(':'));
        headers
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next()
    }
}

/// What is answered.
pub enum Answer {
    /// A status, headers, a body.
    Page(u16, String, Vec<u8>),
    /// Nothing; the connection stays open.
    Silence,
}

impl Answer {
    pub fn ok(body: &str) -> Self {
        Self::Page(200, String::new(), body.as_bytes().to_vec())
    }

    pub fn status(status: u16) -> Self {
        Self::Page(status, String::new(), b"an error page\n".to_vec())
    }

    pub fn redirect(to: &str) -> Self {
        Self::Page(302, format!("Location: {to}\r\n"), Vec::new())
    }
}

/// Runs until the test ends.
pub struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let request = read(&mut stream);
                seen.lock().expect("no panics").push(request.clone());
                match answer(&request) {
                    Answer::Page(status, headers, body) => send(stream, status, &headers, &body),
                    Answer::Silence => silent.push(stream),
                }
            }
        });
        Self { address, requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panics").clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }
}

fn read(stream: &mut TcpStream) -> Request {
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => head.extend(&buffer[..count]),
            _ => break,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Request { path, head }
}

fn send(mut stream: TcpStream, status: u16, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    // The client may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}
