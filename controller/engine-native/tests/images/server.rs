//! A small HTTP server that misbehaves as it is told to.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it serves.
pub const BODY: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// `printf … | sha256sum` of the body.
pub const DIGEST: &str = "sha256:74e7e5bb9d22d6db26bf76946d40fff3ea9f0346b884fd0694920fccfad15e33";

/// One answer of the server.
#[derive(Clone)]
pub enum Answer {
    /// All, or the rest that is asked for.
    Whole,
    /// The head announces all, and the connection ends after so many bytes.
    Cut(usize),
    /// Other bytes of the same length.
    Changed,
    /// To the same place, for ever.
    Loop,
    /// The rest that is asked for, of another version.
    OtherRest,
    /// An error.
    Status(u16),
    /// All, whatever part was asked for.
    NoRange,
}

pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The requests so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panics").clone()
    }

    /// As an entry of `images`.
    pub fn image(&self, digest: bool) -> String {
        let digest = if digest { format!(", digest: '{DIGEST}'") } else { String::new() };
        format!("{{location: '{}'{digest}}}", self.url)
    }
}

/// Answers one request after the other; the last answer again and again.
pub fn serve(answers: impl IntoIterator<Item = Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/image.raw", listener.local_addr().expect("bound"));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (seen, mut answers): (_, VecDeque<_>) =
        (Arc::clone(&requests), answers.into_iter().collect());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer =
                if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            let request = respond(stream, &answer.expect("at least one answer"));
            seen.lock().expect("no panics").push(request);
        }
    });
    Server { url, requests }
}

fn respond(mut stream: TcpStream, answer: &Answer) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => request.extend(&buffer[..count]),
            _ => break,
        }
    }
    let request = String::from_utf8_lossy(&request).to_lowercase();
    let start = request
        .split("range: bytes=")
        .nth(1)
        .and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
    let head = |status: &str, length: usize, more: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"one\"\r\nLast-Modified: Mon, 02 Nov 2026 10:00:00 GMT\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n{more}\r\n").into_bytes()
    };
    let mut bytes = match (answer, start) {
        (Answer::Whole | Answer::Cut(_), Some(start)) => {
            let range =
                format!("Content-Range: bytes {start}-{}/{}\r\n", BODY.len() - 1, BODY.len());
            [head("206 Partial Content", BODY.len() - start, &range), BODY[start..].to_vec()]
                .concat()
        }
        (Answer::OtherRest, Some(start)) => {
            let range =
                format!("Content-Range: bytes {start}-{}/{}\r\n", BODY.len() - 1, BODY.len());
            let head = head("206 Partial Content", BODY.len() - start, &range);
            let head = String::from_utf8_lossy(&head).replace("\"one\"", "\"two\"");
            [head.into_bytes(), vec![b'x'; BODY.len() - start]].concat()
        }
        (Answer::Whole | Answer::Cut(_) | Answer::NoRange | Answer::OtherRest, _) => {
            [head("200 OK", BODY.len(), ""), BODY.to_vec()].concat()
        }
        (Answer::Changed, _) => [head("200 OK", BODY.len(), ""), vec![b'x'; BODY.len()]].concat(),
        (Answer::Loop, _) => head("302 Found", 0, "Location: /image.raw\r\n"),
        (Answer::Status(status), _) => head(&format!("{status} No"), 0, ""),
    };
    if let Answer::Cut(count) = answer {
        let body = bytes.len() - BODY.len() + start.unwrap_or(0);
        bytes.truncate(body + count);
    }
    if request.starts_with("head") {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        bytes.truncate(end.map_or(bytes.len(), |end| end + 4));
    }
    // A client that has seen enough may be gone.
    let _ = stream.write_all(&bytes);
    request
}
