//! Row 17 of the failure modes: a server that misbehaves puts nothing wrong into the cache.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use limekiln_api::{Lima, read_lima};
use limekiln_engine::{ActionContext, ErrorClass};
use limekiln_engine_native::images::Images;

const BODY: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// `printf … | sha256sum` of the body.
const DIGEST: &str = "sha256:74e7e5bb9d22d6db26bf76946d40fff3ea9f0346b884fd0694920fccfad15e33";

/// One answer of the server.
#[derive(Clone)]
enum Answer {
    /// All, or the rest that is asked for.
    Whole,
    /// The head announces all, and the connection ends after so many bytes.
    Cut(usize),
    /// Other bytes of the same length.
    Changed,
    /// To the same place, for ever.
    Loop,
    /// An error.
    Status(u16),
    /// All, whatever part was asked for.
    NoRange,
}

struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Answers one request after the other; the last answer again and again.
fn serve(answers: impl IntoIterator<Item = Answer>) -> Server {
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
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"one\"\r\nLast-Modified: Mon, 02 Nov 2026 10:00:00 GMT\r\nConnection: close\r\n{more}\r\n").into_bytes()
    };
    let mut bytes = match (answer, start) {
        (Answer::Whole | Answer::Cut(_), Some(start)) => {
            let range =
                format!("Content-Range: bytes {start}-{}/{}\r\n", BODY.len() - 1, BODY.len());
            [head("206 Partial Content", BODY.len() - start, &range), BODY[start..].to_vec()]
                .concat()
        }
        (Answer::Whole | Answer::Cut(_) | Answer::NoRange, _) => {
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
    if !request.starts_with("head") {
        // A client that has seen enough may be gone.
        let _ = stream.write_all(&bytes);
    }
    request
}

struct Case {
    dir: tempfile::TempDir,
    images: Images,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let images = Images::new(dir.path(), dir.path());
        Self { dir, images }
    }

    async fn fetch(&self, images: &str) -> Result<Vec<u8>, limekiln_engine::EngineError> {
        let lima: Lima = read_lima(&format!("images: [{images}]")).expect("YAML");
        let fetched = self.images.fetch(&lima, true, &ActionContext::silent()).await?;
        Ok(std::fs::read(fetched.disk).expect("it was just fetched"))
    }

    /// The cached bytes, if there are any.
    fn cached(&self) -> Option<Vec<u8>> {
        let entries =
            std::fs::read_dir(self.dir.path().join("lima/download/by-url-sha256")).ok()?;
        let files: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path().join("data")).collect();
        files.iter().find_map(|file| std::fs::read(file).ok())
    }
}

fn image(server: &Server, digest: bool) -> String {
    let digest = if digest { format!(", digest: '{DIGEST}'") } else { String::new() };
    format!("{{location: '{}'{digest}}}", server.url)
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_ended() {
    let (case, server) = (Case::new(), serve([Answer::Cut(10), Answer::Whole]));
    assert_eq!(case.fetch(&image(&server, true)).await.expect("whole at last"), BODY);
    let requests = server.requests.lock().expect("no panics");
    assert!(
        requests[1].contains("range: bytes=10-") && requests[1].contains("if-range: \"one\""),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_server_without_ranges_starts_again() {
    let (case, server) = (Case::new(), serve([Answer::Cut(10), Answer::NoRange]));
    assert_eq!(case.fetch(&image(&server, true)).await.expect("whole at last"), BODY);
}

#[tokio::test]
async fn what_stays_cut_is_an_error_that_may_pass() {
    let (case, server) = (Case::new(), serve([Answer::Cut(0)]));
    let error = case.fetch(&image(&server, false)).await.expect_err("never whole");
    assert_eq!(error.class, ErrorClass::Transient, "{}", error.chain());
    assert_eq!(case.cached(), None);
}

#[tokio::test]
async fn changed_bytes_never_enter_the_cache() {
    let (case, server) = (Case::new(), serve([Answer::Changed]));
    let error = case.fetch(&image(&server, true)).await.expect_err("another digest");
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(
        error.chain().contains(DIGEST) && error.chain().contains(&server.url),
        "{}",
        error.chain()
    );
    assert_eq!(case.cached(), None);
}

#[tokio::test]
async fn cached_bytes_that_changed_are_fetched_again() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    case.fetch(&image(&server, true)).await.expect("whole");
    let data = walk(case.dir.path());
    std::fs::write(&data, "rotten").expect("ours");
    assert_eq!(case.fetch(&image(&server, true)).await.expect("fetched again"), BODY);
}

fn walk(dir: &std::path::Path) -> PathBuf {
    let entry = std::fs::read_dir(dir.join("lima/download/by-url-sha256"))
        .expect("the cache")
        .flatten()
        .next();
    entry.expect("one entry").path().join("data")
}

#[tokio::test]
async fn redirect_loops_and_refusals_end() {
    for (answer, class) in [
        (Answer::Loop, ErrorClass::Permanent),
        (Answer::Status(404), ErrorClass::Permanent),
        (Answer::Status(503), ErrorClass::Transient),
    ] {
        let (case, server) = (Case::new(), serve([answer]));
        let error = case.fetch(&image(&server, false)).await.expect_err("no image");
        assert_eq!(error.class, class, "{}", error.chain());
        assert_eq!(case.cached(), None);
    }
}

#[tokio::test]
async fn the_next_image_of_the_list_is_taken() {
    let (case, gone, here) = (Case::new(), serve([Answer::Status(404)]), serve([Answer::Whole]));
    let list = format!("{}, {}", image(&gone, false), image(&here, true));
    assert_eq!(case.fetch(&list).await.expect("the second"), BODY);
    let both = format!("{}, {{location: /nowhere/at/all}}", image(&gone, false));
    let error = case.fetch(&both).await.expect_err("neither");
    assert!(
        error.chain().contains("404") && error.chain().contains("/nowhere/at/all"),
        "{}",
        error.chain()
    );
}
