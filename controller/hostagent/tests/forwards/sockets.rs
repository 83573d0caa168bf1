//! Two VMs that want one socket of the host.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::guests::ours;
use crate::host::{Host, guest_socket, until};

/// A port in the guest where every connection is answered with a word.
fn serve(word: &'static str) -> u16 {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let _ = stream.write_all(word.as_bytes());
        }
    });
    port
}

/// The host's side of a VM whose port leads to a socket.
fn start(port: u16, socket: &Path) -> Host {
    let rest = "- {guestIP: 0.0.0.0, guestIPMustBeZero: false, ignore: true}";
    let socket = socket.display();
    let dir = Host::dir(&format!("- {{guestPort: {port}, hostSocket: {socket}}}\n{rest}"));
    ours(&guest_socket(&dir));
    Host::start(dir)
}

fn heard(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn the_second_is_told_and_has_it_when_the_first_ends() {
    let folder = tempfile::Builder::new().prefix("lk-").tempdir_in("/tmp").unwrap();
    let socket = folder.path().join("web.sock");
    let (first, second) = (serve("first"), serve("second"));
    let first = start(first, &socket);
    until("the first one's answer", || heard(&socket).as_deref() == Some("first"));
    let second = start(second, &socket);
    let taken = format!("{} is taken on the host", socket.display());
    until("the word that it is taken", || second.events().contains(&taken));
    // As long as the second takes to try again several times, at each of which it could be lost.
    for _ in 0..30 {
        assert_eq!(heard(&socket).as_deref(), Some("first"));
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(second.events().matches(&taken).count(), 1, "{}", second.events());
    // Killed, so that its socket is left.
    drop(first);
    until("the second one's answer", || heard(&socket).as_deref() == Some("second"));
}
