//! What all VMs share: one that takes all that it can leaves others theirs, and all together stay
//! within bounds.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use smoltcp::wire::{EthernetProtocol, IpProtocol, Ipv4Packet, TcpControl};

use crate::peer::guest::{GATEWAY, GATEWAY_MAC, PATIENCE};
use crate::peer::tcp::{Tcp, bytes};
use crate::peer::{Daemon, Guest};

/// A port of the host to which datagrams and connections may come, and what listens there.
fn host() -> (TcpListener, UdpSocket, SocketAddrV4) {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        if let Ok(udp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
            return (tcp, udp, SocketAddrV4::new(GATEWAY, port));
        }
    }
}

/// Reads what comes for it, and keeps none of it.
fn deaf(guest: &Guest) {
    let mut reader = guest.stream.try_clone().unwrap();
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
}

/// Waits until all that it sent was taken in.
fn until_heard(guest: &mut Guest) {
    guest.send_udp(9, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
    assert!(guest.find_udp(PATIENCE, 9).is_some());
}

#[test]
fn few_descriptors_are_shared() {
    const FEW: usize = 300;
    let daemon = Daemon::start_within("--", &format!("ulimit -n {FEW}"), &[]);
    let (_tcp, udp, at) = host();
    let mut enemies: Vec<_> = (1..=6).map(|n| Guest::plug(&daemon, n, n + 10)).collect();
    for enemy in &mut enemies {
        deaf(enemy);
        for port in 10_000..10_400 {
            enemy.send_udp(port, at, b"mine");
            Tcp::new(port, at).send_syn(enemy);
            // Nobody answers there, and nothing goes there: each has a socket all the same.
            enemy.send_udp(port, SocketAddrV4::new(GATEWAY, 9), b"mine");
        }
    }
    for n in 50..60 {
        until_heard(&mut Guest::plug(&daemon, n, n));
    }
    let mut friend = Guest::plug(&daemon, 100, 3);
    udp.set_read_timeout(Some(PATIENCE)).unwrap();
    friend.send_udp(4000, at, b"friend's");
    let mut buffer = [0; 16];
    loop {
        let (count, from) = udp.recv_from(&mut buffer).unwrap();
        if &buffer[..count] == b"friend's" {
            udp.send_to(b"heard", from).unwrap();
            break;
        }
    }
    assert_eq!(friend.find_udp(PATIENCE, 4000).unwrap().1, b"heard");
    let mut tcp = Tcp::connect(&mut friend, 4000, at);
    tcp.send(&mut friend, TcpControl::Psh, b"heard, too");
    tcp.heard(&mut friend);
    let used = daemon.descriptors();
    assert!((FEW / 2..FEW).contains(&used), "{used}");
    for word in ["no descriptor left", "connection of a guest waits"] {
        assert!(!daemon.log().contains(word), "{}", daemon.log());
    }
}

#[test]
fn packets_that_many_vms_begin_are_bounded_together() {
    let daemon = Daemon::start(&["--mtu", "65520"]);
    let (_tcp, udp, at) = host();
    let mut friend = Guest::plug(&daemon, 100, 3);
    for n in 1..=24 {
        let mut enemy = Guest::plug(&daemon, n, n + 10);
        for ident in 0..32 {
            let mut part = enemy.ip_packet(*at.ip(), IpProtocol::Udp, &[7; 60_000]);
            let mut packet = Ipv4Packet::new_unchecked(&mut part[..]);
            packet.set_dont_frag(false);
            packet.set_ident(ident);
            packet.set_more_frags(true);
            packet.fill_checksum();
            enemy.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &part);
        }
        until_heard(&mut enemy);
        std::mem::forget(enemy.stream);
    }
    let private = daemon.private();
    assert!(private < 40 << 10, "{private} KiB");
    // One more has its share.
    let datagram = friend.udp(4000, at, &[8; 1000]);
    for (n, part) in datagram.chunks(504).enumerate() {
        let mut part = friend.ip_packet(*at.ip(), IpProtocol::Udp, part);
        let mut packet = Ipv4Packet::new_unchecked(&mut part[..]);
        packet.set_dont_frag(false);
        packet.set_more_frags(n == 0);
        packet.set_frag_offset(u16::try_from(n * 504).unwrap());
        packet.fill_checksum();
        friend.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &part);
    }
    udp.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(udp.recv(&mut [0; 2000]).unwrap(), 1000);
}

#[test]
fn what_comes_with_a_first_segment_is_not_kept() {
    let daemon = Daemon::start(&["--mtu", "65520"]);
    let (listener, _udp, at) = host();
    // Room for one: the host takes the next when that is accepted, which is never.
    rustix::net::listen(&listener, 0).unwrap();
    let mut enemy = Guest::plug(&daemon, 1, 1);
    let data = [7; 60_000];
    for port in 10_000..10_600 {
        let mut repr = Tcp::new(port, at).repr(TcpControl::Syn, &data);
        repr.ack_number = None;
        let segment = bytes(enemy.ip, GATEWAY, &repr);
        enemy.send_ip(GATEWAY, IpProtocol::Tcp, &segment);
    }
    until_heard(&mut enemy);
    assert!(daemon.connections() > 590, "they wait: {}", daemon.connections());
    let private = daemon.private();
    assert!(private < 12 << 10, "{private} KiB");
}
