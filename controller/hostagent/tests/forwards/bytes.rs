//! What goes in comes out.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::guests::{brief, ours};
use crate::host::{Host, alone, free_port, guest_socket, until};

/// Pseudorandom, so that a part that is lost or doubled shows.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 32) as u8
    };
    (0..length).map(|_| step(&mut state)).collect()
}

/// The host's side, with our guest agent; the rest of this machine's ports are left alone.
fn start(rules: &str) -> Host {
    let rest = "- {guestIP: 0.0.0.0, guestIPMustBeZero: false, ignore: true}";
    let dir = Host::dir(&format!("{rules}\n{rest}"));
    ours(&guest_socket(&dir));
    Host::start(dir)
}

fn connect(port: u16) -> TcpStream {
    until("an open port", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

#[test]
fn much_goes_both_ways_at_once_and_each_way_ends_by_itself() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (guest, host) = (server.local_addr().unwrap().port(), free_port());
    thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            thread::spawn(move || {
                // Answers only when it has heard the end: half a connection must stay open.
                let mut heard = Vec::new();
                stream.read_to_end(&mut heard).unwrap();
                let _ = stream.write_all(&heard);
            });
        }
    });
    let _host = start(&format!("- {{guestPort: {guest}, hostPort: {host}, proto: tcp}}"));
    let mut stream = connect(host);
    let sent = noise(24 << 20);
    stream.write_all(&sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert!(heard == sent, "{} of {} bytes came back", heard.len(), sent.len());
}

#[test]
fn who_does_not_read_holds_up_nobody_else() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (guest, host) = (server.local_addr().unwrap().port(), free_port());
    thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            thread::spawn(move || while stream.write_all(&[7; 64 << 10]).is_ok() {});
        }
    });
    let mut process = start(&format!("- {{guestPort: {guest}, hostPort: {host}, proto: tcp}}"));
    let stuck: Vec<TcpStream> = (0..16).map(|_| connect(host)).collect();
    thread::sleep(Duration::from_millis(500));
    let mut stream = connect(host);
    let mut buffer = vec![0; 4 << 20];
    stream.read_exact(&mut buffer).unwrap();
    assert!(process.private_mib() < 64, "{} MiB", process.private_mib());
    drop(stuck);
}

#[test]
fn datagrams_find_their_way_back_to_each_peer() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (guest, host) = (server.local_addr().unwrap().port(), free_port());
    thread::spawn(move || {
        let mut buffer = [0; 65_535];
        while let Ok((length, peer)) = server.recv_from(&mut buffer) {
            let _ = server.send_to(&buffer[..length], peer);
        }
    });
    let _host = start(&format!("- {{guestPort: {guest}, hostPort: {host}, proto: udp}}"));
    let peers: Vec<UdpSocket> = (0..8)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            socket.connect(("127.0.0.1", host)).unwrap();
            socket
        })
        .collect();
    for (number, socket) in peers.iter().enumerate() {
        let sent = vec![number as u8; 1 + number * 1000];
        let mut buffer = vec![0; 65_535];
        until("a datagram back", || {
            // Before the port is open, the kernel says that nobody listens.
            let _ = socket.send(&sent);
            socket.recv(&mut buffer).is_ok_and(|length| buffer[..length] == sent)
        });
    }
}

#[test]
fn a_guest_agent_that_restarts_again_and_again_costs_nothing() {
    let _alone = alone();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (guest, host) = (server.local_addr().unwrap().port(), free_port());
    let rest = "- {guestIP: 0.0.0.0, guestIPMustBeZero: false, ignore: true}";
    let rule = format!("- {{guestPort: {guest}, hostPort: {host}, proto: tcp}}");
    let dir = Host::dir(&format!("{rule}\n{rest}"));
    let lives = brief(&guest_socket(&dir), Duration::from_millis(60));
    let mut process = Host::start(dir);
    // Not sooner: what is made once is made by then.
    until("some lives", || lives.load(Ordering::SeqCst) >= 4);
    let (descriptors, memory) = (process.descriptors(), process.private_mib());
    until("more lives", || lives.load(Ordering::SeqCst) >= 7);
    assert!(
        process.descriptors() <= descriptors + 2,
        "{} and {descriptors}",
        process.descriptors()
    );
    assert!(process.private_mib() <= memory + 2, "{} and {memory}", process.private_mib());
    // What listened last still counts, so the port is neither closed nor opened again.
    assert_eq!(process.events().matches("\"forwarding\"").count(), 1);
    assert!(!process.events().contains("\"stopping\""));
}

#[test]
fn a_port_that_nobody_serves_any_more_is_closed() {
    let _alone = alone();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (guest, host) = (server.local_addr().unwrap().port(), free_port());
    let process = start(&format!("- {{guestPort: {guest}, hostPort: {host}, proto: tcp}}"));
    let first = connect(host);
    drop((server, first));
    until("its end", || process.events().contains("\"stopping\""));
    assert!(TcpStream::connect(("127.0.0.1", host)).is_err());
}
