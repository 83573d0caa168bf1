//! From one VM to another.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use smoltcp::wire::ArpOperation;

use crate::peer::guest::{GATEWAY, GATEWAY_MAC, PATIENCE};
use crate::peer::{Daemon, Guest};
use crate::process::{Meter, Moved};

/// Frames of 1514 bytes through the daemon.
pub fn daemon(span: Duration) -> Moved {
    let daemon = Daemon::start(&[]);
    let (sender, mut receiver) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    receiver.send_arp(ArpOperation::Request, [0xff; 6], GATEWAY);
    let answer = |frame: &[u8]| (frame[6..12] == GATEWAY_MAC).then_some(());
    receiver.find(PATIENCE, answer).expect("the switch knows the receiver");
    let head = [&receiver.mac[..], &sender.mac, &[0x88, 0xb5]].concat();
    pump(daemon.pid(), &head, sender.stream, receiver.stream, span)
}

/// The same through a relay that doesn't look at them.
pub fn relay(span: Duration) -> Moved {
    let dir = tempfile::tempdir().expect("a directory");
    let own = std::env::current_exe().expect("a path");
    let mut relay = Command::new(own).arg("relay").arg(dir.path()).spawn().expect("it starts");
    let (from, to) = (connect(&dir.path().join("from")), connect(&dir.path().join("to")));
    let moved = pump(relay.id(), &[0; 14], from, to, span);
    // It may have ended.
    let _ = relay.kill();
    let _ = relay.wait();
    moved
}

fn connect(path: &Path) -> UnixStream {
    let start = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn pump(
    pid: u32,
    head: &[u8],
    mut sender: UnixStream,
    mut receiver: UnixStream,
    span: Duration,
) -> Moved {
    let frame = [&1514u32.to_be_bytes()[..], head, &[7; 1500]].concat();
    let batch = frame.repeat(172);
    let stop = AtomicBool::new(false);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&sender, 1 << 20);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = Ok(());
            while sent.is_ok() && !stop.load(Ordering::Relaxed) {
                sent = sender.write_all(&batch);
            }
        });
        let mut buffer = vec![0; 1 << 20];
        receiver.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        receiver.read_exact(&mut buffer).expect("frames come");
        let (meter, mut bytes) = (Meter::start(pid), 0);
        while !meter.lasted(span) {
            bytes += receiver.read(&mut buffer).expect("frames come") as u64;
        }
        let moved = meter.stop(bytes);
        stop.store(true, Ordering::Relaxed);
        while receiver.read(&mut buffer).is_ok_and(|count| count > 0) {
            receiver.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket has them");
        }
        moved
    })
}
