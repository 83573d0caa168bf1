//! The floor: a program that copies from one socket to another, which is the least that any
//! switch does.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

/// The directory of the sockets, if this process is to be a relay.
pub fn asked() -> Option<PathBuf> {
    let mut words = std::env::args().skip(1);
    (words.next()? == "relay").then(|| words.next().map(PathBuf::from)).flatten()
}

/// Copies from the first client to the second.
pub fn run(dir: &std::path::Path) {
    let [from, to] =
        ["from", "to"].map(|name| UnixListener::bind(dir.join(name)).expect("a socket"));
    let (mut from, mut to) = (from.accept().expect("a client").0, to.accept().expect("one more").0);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&to, 1 << 20);
    let mut buffer = vec![0; 256 << 10];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
}
