//! Many connections, and many that never become one.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;
use smoltcp::wire::{EthernetProtocol, IpProtocol, Ipv4Packet, TcpControl, TcpPacket};

use crate::peer::guest::{GATEWAY, GATEWAY_MAC, PATIENCE};
use crate::peer::tcp::Tcp;
use crate::peer::{Daemon, Guest};

#[test]
fn ten_thousand_connections_and_then_none() {
    const MANY: usize = 10_000;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    // One VM may have three quarters of what is left beside cables and files.
    if limit.maximum.is_some_and(|most| most < 16_384) {
        println!("SKIPPED: there are not enough descriptors for 10,000 connections");
        return;
    }
    let all = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, all).unwrap();
    let daemon = Daemon::start(&[]);
    // It is at rest once it answers.
    assert_eq!(daemon.connections(), 0);
    let idle = daemon.descriptors();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let taken = std::thread::spawn(move || {
        let hosts: Vec<_> = (0..MANY).map(|_| listener.accept().unwrap().0).collect();
        (listener, hosts)
    });
    let mut guest = Guest::plug(&daemon, 1, 1);
    let mut ends = HashMap::new();
    let ports: Vec<u16> = (10_000..).take(MANY).collect();
    // As a guest does that is in a hurry: some at once.
    for ports in ports.chunks(100) {
        for &port in ports {
            Tcp::new(port, at).send_syn(&mut guest);
        }
        for _ in ports {
            let (port, seq) = guest
                .find_ip(PATIENCE, IpProtocol::Tcp, |packet| {
                    let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
                    (tcp.syn() && tcp.ack()).then(|| (tcp.dst_port(), tcp.seq_number()))
                })
                .expect("each is accepted");
            let mut tcp = Tcp::new(port, at);
            tcp.seq += 1;
            tcp.ack = seq + 1;
            tcp.send(&mut guest, TcpControl::None, &[]);
            ends.insert(port, tcp);
        }
    }
    let (listener, hosts) = taken.join().unwrap();
    assert_eq!(daemon.connections(), MANY as u64);
    let private = daemon.private();
    assert!(private < 256 << 10, "{private} KiB");
    // One more works as well as the first.
    let start = Instant::now();
    let mut one = Tcp::connect(&mut guest, 9_000, at);
    one.send(&mut guest, TcpControl::Psh, b"quick");
    one.heard(&mut guest);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    drop(listener);
    for tcp in ends.values_mut().chain([&mut one]) {
        tcp.send(&mut guest, TcpControl::Rst, &[]);
    }
    drop(hosts);
    let start = Instant::now();
    while daemon.connections() > 0 {
        assert!(start.elapsed() < PATIENCE, "{} are left", daemon.connections());
        std::thread::sleep(Duration::from_millis(50));
    }
    // The API's own connection may still be there.
    assert!(daemon.descriptors() <= idle + 3, "{} {idle}", daemon.descriptors());
}

#[test]
fn a_flood_of_syns_is_bounded_and_hurts_nobody_else() {
    let daemon = Daemon::start(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let (mut enemy, mut friend) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let mut reader = enemy.stream.try_clone().unwrap();
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    std::thread::spawn(move || while listener.accept().is_ok() {});
    for n in 0..30_000u32 {
        enemy.ip = Ipv4Addr::new(192, 168, 104, 10 + (n % 200) as u8);
        Tcp::new(1024 + (n / 200) as u16, at).send_syn(&mut enemy);
    }
    let start = Instant::now();
    Tcp::connect(&mut friend, 40_000, at);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(daemon.connections() <= 1026, "{}", daemon.connections());
    assert!(daemon.private() < 64 << 10, "{} KiB", daemon.private());
}

#[test]
fn a_flood_of_queries_keeps_no_other_vm_waiting() {
    let address = Ipv4Addr::new(127, 0, 0, 253);
    // It takes what it is asked, and never answers.
    let Ok(_silent) = UdpSocket::bind((address, 53)) else {
        println!("SKIPPED: only root may be a name server");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("resolv.conf");
    std::fs::write(&conf, format!("nameserver {address}\n")).unwrap();
    let mount = format!("mount --bind {} /etc/resolv.conf", conf.display());
    let Some(daemon) = Daemon::start_apart("-m", &mount) else {
        println!("SKIPPED: this user may mount nothing");
        return;
    };
    let (mut enemy, mut friend) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let server = SocketAddrV4::new(GATEWAY, 53);
    for n in 0..3000 {
        enemy.send_udp(5353, server, &crate::dns::query(&format!("x{n}.test."), RecordType::A));
        // Over TCP, too.
        Tcp::new(10_000 + n, server).send_syn(&mut enemy);
    }
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    for name in ["host.lima.internal.", "localhost."] {
        assert!(crate::dns::address(&mut friend, name).is_some(), "{name}");
    }
    crate::dhcp::boot(&mut Guest::plug(&daemon, 3, 99));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(daemon.threads() < 40, "{}", daemon.threads());
}

#[test]
fn who_connects_while_there_is_no_descriptor_is_served_later() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let daemon = Daemon::start(&[]);
    let mut free: Vec<_> = (0..40).map(|n| Guest::plug(&daemon, n, 1)).collect();
    let served = |guest: &mut Guest, patience| {
        guest.send_udp(1, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
        guest.find_udp(patience, 1).is_some()
    };
    assert!(served(free.last_mut().unwrap(), PATIENCE), "all are plugged in");
    let (most, pid) = (daemon.descriptors() as u64, i32::try_from(daemon.pid()).unwrap());
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    prlimit(Pid::from_raw(pid), Resource::Nofile, limit).unwrap();
    let mut late: Vec<_> = (100..120).map(|n| Guest::plug(&daemon, n, 3)).collect();
    let last = late.last_mut().unwrap();
    assert!(!served(last, Duration::from_millis(500)), "there is no descriptor for it");
    drop(free);
    assert!(last.find_udp(PATIENCE, 1).is_some());
}

#[test]
fn the_log_does_not_grow_with_what_happens() {
    let daemon = Daemon::start(&[]);
    for _ in 0..500 {
        drop(Guest::plug(&daemon, 1, 1));
    }
    // All were seen when this one is answered.
    let mut last = Guest::plug(&daemon, 2, 3);
    last.send_udp(1, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
    assert!(last.find_udp(PATIENCE, 1).is_some());
    let log = daemon.log();
    // A machine that is busy may take more than a minute for it.
    let said = log.matches("a VM is plugged in").count();
    assert!((64..70).contains(&said), "{said}");
    assert!(log.lines().count() < 200, "{}", log.lines().count());
}

#[test]
fn random_frames_do_no_harm() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let mut reader = guest.stream.try_clone().unwrap();
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    let mut state = 1u64;
    let mut next = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let good = good_packets(&guest);
    for n in 0..20_000 {
        let (protocol, mut packet) = good[n / 4 % good.len()].clone();
        for _ in 0..=n % 4 {
            let at = usize::from(next()) % packet.len();
            packet[at] = next();
        }
        packet.truncate(packet.len() - usize::from(next()) % packet.len());
        let mut ip = Ipv4Packet::new_unchecked(&mut packet[..]);
        if n % 2 == 0 && protocol == EthernetProtocol::Ipv4 && ip.check_len().is_ok() {
            ip.fill_checksum();
        }
        guest.send_frame(GATEWAY_MAC, protocol, &packet);
    }
    let mut other = Guest::plug(&daemon, 2, 3);
    other.send_udp(1, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
    assert!(other.find_udp(PATIENCE, 1).is_some());
    assert!(daemon.private() < 64 << 10, "{} KiB", daemon.private());
}

/// One of each kind that the daemon reads.
fn good_packets(guest: &Guest) -> Vec<(EthernetProtocol, Vec<u8>)> {
    let tcp = Tcp::new(40_000, SocketAddrV4::new(GATEWAY, 80));
    let tcp = crate::peer::tcp::bytes(guest.ip, GATEWAY, &tcp.repr(TcpControl::Syn, &[]));
    let query = crate::dns::query("host.lima.internal.", RecordType::A);
    let query = guest.udp(5353, SocketAddrV4::new(GATEWAY, 53), &query);
    let dhcp =
        guest.udp(68, SocketAddrV4::new(GATEWAY, 67), &[[1, 1, 6, 0, 0, 0, 0, 0]; 40].concat());
    // An echo request (RFC 792) with its checksum.
    let echo = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
    let ip = |protocol, payload: &[u8]| guest.ip_packet(GATEWAY, protocol, payload);
    let mut part = ip(IpProtocol::Udp, &query);
    let mut header = Ipv4Packet::new_unchecked(&mut part[..]);
    header.set_more_frags(true);
    header.fill_checksum();
    let arp = [
        0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x55, 0x55, 0, 0, 1, 192, 168, 104, 1, 0, 0, 0, 0, 0, 0, 192,
        168, 104, 2,
    ];
    vec![
        (EthernetProtocol::Ipv4, ip(IpProtocol::Tcp, &tcp)),
        (EthernetProtocol::Ipv4, ip(IpProtocol::Udp, &query)),
        (EthernetProtocol::Ipv4, ip(IpProtocol::Udp, &dhcp)),
        (EthernetProtocol::Ipv4, ip(IpProtocol::Icmp, &echo)),
        (EthernetProtocol::Ipv4, part),
        (EthernetProtocol::Arp, arp.to_vec()),
        (EthernetProtocol::Ipv6, [[0x60; 40], [0; 40]].concat()),
    ]
}

#[test]
fn ten_thousand_flows_of_datagrams_are_bounded_and_their_sockets_given_back() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < 8192) {
        println!("SKIPPED: there are not enough descriptors for the flows that one VM may have");
        return;
    }
    let daemon = Daemon::start(&[]);
    // It is at rest once it answers.
    assert_eq!(daemon.connections(), 0);
    let idle = daemon.descriptors();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, socket.local_addr().unwrap().port());
    std::thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            if &buffer[..count] == b"last" {
                let _ = socket.send_to(b"heard", from);
            }
        }
    });
    let mut guest = Guest::plug(&daemon, 1, 1);
    (10_000..20_000).for_each(|port| guest.send_udp(port, at, b"one of many"));
    // The host may have dropped it among so many.
    let heard = (0..10).find_map(|_| {
        guest.send_udp(9, at, b"last");
        guest.find_udp(PATIENCE / 10, 9)
    });
    assert_eq!(heard.unwrap().1, b"heard");
    let used = daemon.descriptors() - idle;
    assert!((1024..1024 + 8).contains(&used), "{used}");
    assert!(daemon.private() < 64 << 10, "{} KiB", daemon.private());
    drop(guest);
    let start = Instant::now();
    // The API's own connection may still be there.
    while daemon.descriptors() > idle + 3 {
        assert!(start.elapsed() < PATIENCE, "{} {idle}", daemon.descriptors());
        std::thread::sleep(Duration::from_millis(50));
    }
}
