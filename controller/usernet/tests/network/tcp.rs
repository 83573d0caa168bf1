//! Connections through the gateway.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::time::Duration;

use smoltcp::wire::{IpProtocol, TcpControl, TcpPacket};

use crate::peer::guest::{GATEWAY, PATIENCE, SILENCE};
use crate::peer::tcp::{Tcp, bytes};
use crate::peer::{Daemon, Guest};

/// A port of the host, and where a guest finds it.
fn listen() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, SocketAddrV4::new(GATEWAY, port))
}

fn connected(words: &[&str]) -> (Daemon, Guest, Tcp, TcpStream) {
    let daemon = Daemon::start(words);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let (listener, at) = listen();
    let tcp = Tcp::connect(&mut guest, 40_000, at);
    let (host, _) = listener.accept().unwrap();
    host.set_read_timeout(Some(PATIENCE)).unwrap();
    (daemon, guest, tcp, host)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 7 + n / 251) as u8).collect()
}

/// Waits until the daemon has no connection left.
fn until_none(daemon: &Daemon) {
    let start = std::time::Instant::now();
    while daemon.connections() > 0 {
        assert!(start.elapsed() < PATIENCE, "a connection is left over");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn bytes_pass_both_ways_and_half_closed_connections_stay() {
    let (daemon, mut guest, mut tcp, mut host) = connected(&[]);
    let before = daemon.descriptors();
    let question = pattern(5000);
    for part in question.chunks(1000) {
        tcp.send(&mut guest, TcpControl::Psh, part);
    }
    tcp.send(&mut guest, TcpControl::Fin, &[]);
    let mut heard = Vec::new();
    host.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, question, "and then the end");
    tcp.heard(&mut guest);
    // The other half is still open.
    let answer = pattern(100_000);
    let writer = std::thread::spawn({
        let answer = answer.clone();
        move || host.write_all(&answer).map(|()| host)
    });
    let (data, _) = tcp.read(&mut guest, answer.len());
    assert!(data == answer);
    drop(writer.join().unwrap().unwrap());
    let (rest, ended) = tcp.read(&mut guest, usize::MAX);
    assert!(rest.is_empty() && ended);
    until_none(&daemon);
    let start = std::time::Instant::now();
    // The API's own connections come and go.
    while daemon.descriptors() >= before {
        assert!(start.elapsed() < PATIENCE, "its descriptor is not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_host_may_close_first() {
    let (daemon, mut guest, mut tcp, mut host) = connected(&[]);
    host.write_all(b"bye").unwrap();
    host.shutdown(Shutdown::Write).unwrap();
    assert_eq!(tcp.read(&mut guest, usize::MAX), (b"bye".to_vec(), true));
    tcp.send(&mut guest, TcpControl::Psh, b"still here");
    let mut heard = [0; 10];
    host.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"still here");
    tcp.send(&mut guest, TcpControl::Fin, &[]);
    assert_eq!(host.read(&mut heard).unwrap(), 0);
    until_none(&daemon);
}

#[test]
fn resets_pass_both_ways() {
    let (daemon, mut guest, mut tcp, mut host) = connected(&[]);
    tcp.send(&mut guest, TcpControl::Rst, &[]);
    assert_eq!(host.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    until_none(&daemon);
    drop(daemon);

    let (daemon, mut guest, tcp, host) = connected(&[]);
    rustix::net::sockopt::set_socket_linger(&host, Some(Duration::ZERO)).unwrap();
    drop(host);
    assert_eq!(tcp.next_new(&mut guest, PATIENCE).unwrap().control, TcpControl::Rst);
    until_none(&daemon);
}

#[test]
fn a_connection_that_is_idle_says_nothing() {
    let (daemon, mut guest, tcp, host) = connected(&[]);
    let said = tcp.next(&mut guest, SILENCE);
    assert!(said.is_none(), "{said:?}");
    assert_eq!(daemon.connections(), 1);
    drop(host);
    assert_eq!(tcp.next_new(&mut guest, PATIENCE).unwrap().control, TcpControl::Fin);
}

#[test]
fn refused_looks_refused_unreachable_unreachable_and_denied_prohibited() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let (listener, at) = listen();
    drop(listener);
    let refused = Tcp::new(40_000, at);
    refused.send_syn(&mut guest);
    let answer = refused.next(&mut guest, PATIENCE).unwrap();
    assert_eq!((answer.control, answer.ack), (TcpControl::Rst, Some(refused.seq + 1)));
    for denied in ["127.0.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.1", "224.0.0.5"] {
        let remote = SocketAddrV4::new(denied.parse().unwrap(), 80);
        Tcp::new(40_001, remote).send_syn(&mut guest);
        assert_eq!(guest.find_icmp(PATIENCE), Some((3, 13)), "{denied}");
    }
    // An address of the network that nobody has.
    Tcp::new(40_002, SocketAddrV4::new([192, 168, 104, 77].into(), 80)).send_syn(&mut guest);
    assert_eq!(guest.find_icmp(PATIENCE), Some((3, 1)));
    assert_eq!(daemon.connections(), 0);
}

#[test]
fn what_is_allowed_is_reached() {
    let daemon = Daemon::start(&["--allow", "127.0.0.1/32"]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let (_listener, at) = listen();
    Tcp::connect(&mut guest, 40_000, SocketAddrV4::new(Ipv4Addr::LOCALHOST, at.port()));
}

#[test]
fn a_segment_of_no_connection_is_reset() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let mut stale = Tcp::new(40_000, SocketAddrV4::new(GATEWAY, 80));
    stale.send(&mut guest, TcpControl::Psh, b"from before the daemon was killed");
    let answer = stale.next(&mut guest, PATIENCE).unwrap();
    assert_eq!((answer.control, answer.seq), (TcpControl::Rst, stale.ack));
}

#[test]
fn a_guest_whose_window_is_closed_gets_nothing_and_then_all() {
    let (daemon, mut guest, mut tcp, mut host) = connected(&[]);
    tcp.window = 0;
    tcp.send(&mut guest, TcpControl::None, &[]);
    std::thread::sleep(SILENCE);
    let data = pattern(300_000);
    let writer = std::thread::spawn({
        let data = data.clone();
        move || host.write_all(&data)
    });
    // Probes of a byte may come, and are not taken.
    while let Some(segment) = tcp.next(&mut guest, Duration::from_secs(2)) {
        assert!(segment.data.len() <= 1, "{}", segment.data.len());
    }
    tcp.window = 0xffff;
    tcp.send(&mut guest, TcpControl::None, &[]);
    let (heard, _) = tcp.read(&mut guest, data.len());
    assert!(heard == data);
    writer.join().unwrap().unwrap();
    assert!(daemon.private() < 20 << 10, "{} KiB", daemon.private());
}

#[test]
fn a_host_that_does_not_read_closes_the_guests_window() {
    let (daemon, mut guest, mut tcp, mut host) = connected(&[]);
    let (data, mut sent, mut edge) = (pattern(1400), 0, tcp.seq + 0xffff_usize);
    loop {
        while tcp.seq + data.len() <= edge {
            tcp.send(&mut guest, TcpControl::None, &data);
            sent += data.len();
        }
        let Some(segment) = tcp.next(&mut guest, Duration::from_secs(1)) else { break };
        if let Some(ack) = segment.ack {
            edge = edge.max(ack + (segment.window << tcp.scale));
        }
        assert!(sent < 64 << 20, "nothing holds the guest back");
    }
    assert!(daemon.private() < 20 << 10, "{} KiB", daemon.private());
    let reader = std::thread::spawn(move || {
        let (mut count, mut room) = (0, vec![0; 1 << 20]);
        while count < sent {
            count += host.read(&mut room).unwrap();
        }
        host
    });
    // The window opens again, and all that was sent arrives.
    let host = reader.join().unwrap();
    tcp.heard(&mut guest);
    drop(host);
}

#[test]
fn lost_segments_are_sent_again_and_strange_ones_do_no_harm() {
    let (_daemon, mut guest, mut tcp, mut host) = connected(&[]);
    host.write_all(b"lost").unwrap();
    let first = tcp.next_new(&mut guest, PATIENCE).unwrap();
    assert_eq!(first.data, b"lost");
    // Not acknowledged: it comes again.
    let again = tcp.next_new(&mut guest, PATIENCE).unwrap();
    assert_eq!((again.data, again.seq), (first.data, first.seq));
    tcp.ack += 4;
    // The second half first.
    let mut repr = tcp.repr(TcpControl::None, b"world");
    repr.seq_number = tcp.seq + 6;
    tcp.send_repr(&mut guest, &repr);
    tcp.send(&mut guest, TcpControl::None, b"hello ");
    tcp.seq += 5;
    let mut heard = [0; 11];
    host.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello world");
    // Far outside of the window, and with a wrong checksum.
    for offset in [1 << 30, 1 << 25] {
        let mut repr = tcp.repr(TcpControl::Rst, b"");
        repr.seq_number = tcp.seq + offset;
        tcp.send_repr(&mut guest, &repr);
    }
    let mut wrong = bytes(guest.ip, *tcp.remote.ip(), &tcp.repr(TcpControl::None, b"forged"));
    TcpPacket::new_unchecked(&mut wrong[..]).set_checksum(1);
    guest.send_ip(*tcp.remote.ip(), IpProtocol::Tcp, &wrong);
    tcp.send(&mut guest, TcpControl::Psh, b"!");
    host.read_exact(&mut heard[..1]).unwrap();
    assert_eq!(heard[0], b'!');
}

#[test]
fn the_daemons_mss_is_the_mtus() {
    for (mtu, mss) in [("576", 536), ("1500", 1460), ("65520", 65_480)] {
        let daemon = Daemon::start(&["--mtu", mtu]);
        let mut guest = Guest::plug(&daemon, 1, 1);
        let (_listener, at) = listen();
        let tcp = Tcp::new(40_000, at);
        tcp.send_syn(&mut guest);
        let answer = tcp.next(&mut guest, PATIENCE).unwrap();
        assert_eq!(answer.mss, Some(mss));
        assert!(answer.scale.is_some());
    }
}

#[test]
fn a_vm_that_is_gone_leaves_no_connection() {
    let (daemon, guest, _tcp, mut host) = connected(&[]);
    drop(guest);
    let start = std::time::Instant::now();
    host.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    assert_eq!(host.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(start.elapsed() > Duration::from_secs(50), "a cable may be plugged in again");
    until_none(&daemon);
}

#[test]
fn who_knows_the_numbers_of_a_connection_does_not_get_it() {
    let daemon = Daemon::start(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let (mut victim, mut thief) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let mut tcp = Tcp::connect(&mut victim, 40_000, at);
    let (mut host, _) = listener.accept().unwrap();
    thief.ip = victim.ip;
    let mut stolen = tcp.clone();
    stolen.seq += 5;
    stolen.send(&mut thief, TcpControl::Psh, b"not next");
    // In order, even: no segment of another is taken.
    stolen.seq = tcp.seq;
    stolen.send(&mut thief, TcpControl::Psh, b"evil");
    stolen.send(&mut thief, TcpControl::Rst, &[]);
    thief.ip = [192, 168, 104, 3].into();
    thief.send_udp(1, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
    assert!(thief.find_udp(PATIENCE, 1).is_some(), "all of it was seen");
    host.write_all(b"for the victim").unwrap();
    assert_eq!(tcp.read(&mut victim, 14).0, b"for the victim");
    tcp.send(&mut victim, TcpControl::Psh, b"good");
    let mut heard = [0; 4];
    host.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"good");
}
