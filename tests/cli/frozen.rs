//! Row 19: a controller that is frozen, taken for dead, and replaced.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use limekiln_tests::{Controller, Home};

use crate::controller::halted;

/// A server of images that keeps everybody waiting until it is let go.
struct SlowImages {
    port: u16,
    go: Arc<AtomicBool>,
    asked: Receiver<()>,
}

impl SlowImages {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let go = Arc::new(AtomicBool::new(false));
        let (sender, asked) = channel();
        let gate = Arc::clone(&go);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _ = sender.send(());
                let gate = Arc::clone(&gate);
                std::thread::spawn(move || answer(stream, &gate));
            }
        });
        Self { port, go, asked }
    }

    /// A VM that would start from such an image if it ever started.
    fn manifest(&self, home: &Home, name: &str) -> String {
        let image = home.blank_image().display().to_string();
        halted(home, name, 1).replace(&image, &format!("http://127.0.0.1:{}/a.img", self.port))
    }
}

/// One request, and a MiB of zeros.
fn answer(mut stream: TcpStream, go: &AtomicBool) {
    let mut request = [0; 4096];
    let read = stream.read(&mut request).unwrap_or(0);
    while !go.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\nConnection: close\r\n\r\n";
    let _ = stream.write_all(head.as_bytes());
    if request[..read].starts_with(b"GET") {
        let _ = stream.write_all(&vec![0; 1 << 20]);
    }
}

#[test]
fn a_frozen_controller_that_was_replaced_does_nothing_more() {
    let home = Home::new();
    let images = SlowImages::start();
    home.write("db.yaml", &halted(&home, "db", 1));
    home.write("web.yaml", &images.manifest(&home, "web"));
    let mut first = Controller::start(&home, &["--prune"]);
    first.until("instance/db           create: done");
    images.asked.recv_timeout(Duration::from_secs(60)).expect("it fetches the image");
    first.signal("-STOP");

    // Somebody takes it for dead, and nobody wants the second VM any more.
    std::fs::remove_file(home.lima().join("_limekiln/lock")).expect("there");
    std::fs::remove_file(home.manifests().join("web.yaml")).expect("there");
    home.write("db.yaml", &halted(&home, "db", 2));
    let mut second = Controller::start(&home, &["--prune"]);
    second.until("instance/db           edit: done");
    second.until("1 object is as wanted");

    // The image comes, and the first one would go on with it.
    images.go.store(true, Ordering::Relaxed);
    first.signal("-CONT");
    let (code, said) = first.ended();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("was taken away while this process held it"), "{said}");
    assert!(
        said.contains(&format!("the controller (process {}) works there now", second.id())),
        "{said}"
    );

    home.run("get web").expect(1);
    home.run("diff -f {m} --prune --exit-code").ok();
    // The one that replaced it still works, and has the lock.
    home.write("db.yaml", &halted(&home, "db", 3));
    second.until("instance/db           edit: done");
    let lock = std::fs::read_to_string(home.lima().join("_limekiln/lock")).expect("there");
    assert_eq!(lock, format!("{} controller\n", second.id()));
    assert_eq!(second.end().1, Some(0));
}
