//! Datagrams, their fragments, and echo requests.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use smoltcp::wire::{EthernetProtocol, IpProtocol, Ipv4Packet};

use crate::peer::guest::{GATEWAY, GATEWAY_MAC, PATIENCE, SILENCE};
use crate::peer::{Daemon, Guest};

fn echo() -> SocketAddrV4 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            socket.send_to(&buffer[..count], from).unwrap();
        }
    });
    SocketAddrV4::new(GATEWAY, port)
}

/// Sends a datagram in parts of so many bytes.
fn send_in_parts(guest: &mut Guest, to: SocketAddrV4, data: &[u8], size: usize) {
    for part in in_parts(guest, to, data, size) {
        guest.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &part);
    }
}

/// The parts of a datagram, of so many bytes.
fn in_parts(guest: &mut Guest, to: SocketAddrV4, data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let datagram = guest.udp(4000, to, data);
    guest.ident += 1;
    let parts: Vec<_> = datagram.chunks(size).collect();
    let part = |(n, part): (usize, &&[u8])| {
        let mut bytes = guest.ip_packet(*to.ip(), IpProtocol::Udp, part);
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        packet.set_dont_frag(false);
        packet.set_ident(guest.ident);
        packet.set_more_frags(n + 1 < parts.len());
        packet.set_frag_offset(u16::try_from(n * size).unwrap());
        packet.fill_checksum();
        bytes
    };
    parts.iter().enumerate().map(part).collect()
}

#[test]
fn datagrams_pass_both_ways() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let at = echo();
    for data in [&b""[..], b"x", &[7; 1400]] {
        guest.send_udp(4000, at, data);
        assert_eq!(guest.find_udp(PATIENCE, 4000), Some((at, data.to_vec())));
    }
}

#[test]
fn a_port_on_which_nobody_listens_is_told() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, socket.local_addr().unwrap().port());
    drop(socket);
    guest.send_udp(4000, at, b"anybody?");
    assert_eq!(guest.find_icmp(PATIENCE), Some((3, 3)));
    guest.send_udp(4000, SocketAddrV4::new([169, 254, 169, 254].into(), 80), b"x");
    assert_eq!(guest.find_icmp(PATIENCE), Some((3, 13)));
}

#[test]
fn answers_go_to_whom_they_are_for() {
    let daemon = Daemon::start(&[]);
    let (mut victim, mut thief) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, socket.local_addr().unwrap().port());
    victim.send_udp(4000, at, b"question");
    let mut buffer = [0; 64];
    let (count, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"question");
    let own = std::mem::replace(&mut thief.ip, victim.ip);
    thief.send_udp(4000, at, b"for me");
    thief.ip = own;
    thief.send_udp(4001, at, b"as itself");
    let (count, _) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"as itself");
    socket.send_to(b"answer", from).unwrap();
    assert_eq!(victim.find_udp(PATIENCE, 4000).unwrap().1, b"answer");
}

#[test]
fn fragments_are_put_together_and_long_answers_cut() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let at = echo();
    let data: Vec<u8> = (0..9000u32).map(|n| n as u8).collect();
    send_in_parts(&mut guest, at, &data, 1480);
    let (mut got, mut parts) = (vec![0; data.len() + 8], 0);
    let mut have = 0;
    while have < got.len() {
        let (offset, part) = guest
            .find_ip(PATIENCE, IpProtocol::Udp, |packet| {
                assert!(packet.total_len() <= 1500);
                Some((usize::from(packet.frag_offset()), packet.payload().to_vec()))
            })
            .expect("all parts come");
        got[offset..offset + part.len()].copy_from_slice(&part);
        have += part.len();
        parts += 1;
    }
    assert_eq!(parts, 7);
    assert!(got[8..] == data[..]);
}

#[test]
fn fragments_without_end_cost_nothing() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let at = echo();
    let datagram = vec![0; 65_000];
    for n in 0..600u16 {
        let mut bytes = guest.ip_packet(*at.ip(), IpProtocol::Udp, &datagram[..1480]);
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        packet.set_dont_frag(false);
        packet.set_ident(n / 30);
        packet.set_more_frags(true);
        packet.set_frag_offset((n % 30) * 1480 + 8);
        packet.fill_checksum();
        guest.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &bytes);
    }
    guest.send_udp(4000, at, b"alive");
    assert!(guest.find_udp(PATIENCE, 4000).is_some());
    assert!(daemon.private() < 12 << 10, "{} KiB", daemon.private());
}

#[test]
fn fragments_of_one_vm_push_out_no_others() {
    let daemon = Daemon::start(&[]);
    let (mut enemy, mut friend) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let at = echo();
    let parts = in_parts(&mut friend, at, &[7; 2000], 1480);
    friend.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &parts[0]);
    // Both speak with the address of the other, too: it is the cable that counts.
    let own = enemy.ip;
    for ip in [own, friend.ip] {
        (enemy.ip, enemy.ident) = (ip, 0);
        for _ in 0..200 {
            let begun = in_parts(&mut enemy, at, &[1; 2000], 1480).swap_remove(1);
            enemy.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &begun);
        }
    }
    enemy.ip = own;
    enemy.send_udp(4001, at, b"all came");
    assert!(enemy.find_udp(PATIENCE, 4001).is_some());
    friend.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &parts[1]);
    let first = friend.find_ip(PATIENCE, IpProtocol::Udp, |packet| Some(packet.more_frags()));
    assert_eq!(first, Some(true), "the answer comes, in parts");
}

#[test]
fn many_echo_replies_at_once_all_come() {
    const MANY: u8 = 60;
    let host = Ipv4Addr::new(198, 51, 100, 1);
    let allowed = format!(
        "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range; \
         ip link set lo up; ip address add {host}/32 dev lo"
    );
    let Some(daemon) = Daemon::start_apart("-n", &allowed) else {
        println!("SKIPPED: this user may make no network of its own");
        return;
    };
    let mut guest = Guest::plug(&daemon, 1, 1);
    let mut stream = Vec::new();
    for n in 0..MANY {
        let mut icmp = vec![8, 0, 0, 0, 0, 9, 0, n];
        smoltcp::wire::Icmpv4Packet::new_unchecked(&mut icmp[..]).fill_checksum();
        let packet = guest.ip_packet(host, IpProtocol::Icmp, &icmp);
        let frame = [&GATEWAY_MAC[..], &guest.mac, &[8, 0], &packet].concat();
        stream.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
        stream.extend_from_slice(&frame);
    }
    // One write: the daemon asks for all of them before it hears the first reply.
    std::io::Write::write_all(&mut guest.stream, &stream).unwrap();
    for n in 0..MANY {
        let answer = guest.find_ip(PATIENCE, IpProtocol::Icmp, |packet| {
            Some((packet.payload()[0], packet.payload()[7]))
        });
        assert_eq!(answer, Some((0, n)));
    }
}

#[test]
fn the_gateway_answers_echo_requests() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let request = |ident: u8| {
        let mut icmp = vec![8, 0, 0, 0, 0, ident, 0, 1, b'a', b'b'];
        smoltcp::wire::Icmpv4Packet::new_unchecked(&mut icmp[..]).fill_checksum();
        icmp
    };
    guest.send_ip(GATEWAY, IpProtocol::Icmp, &request(9));
    let answer = guest.find_ip(PATIENCE, IpProtocol::Icmp, |packet| {
        let icmp = packet.payload().to_vec();
        Some((packet.src_addr(), icmp[0], icmp[5], icmp[8..].to_vec()))
    });
    assert_eq!(answer, Some((GATEWAY, 0, 9, b"ab".to_vec())));
    // One that came to the end of its life.
    let mut bytes = guest.ip_packet([192, 0, 2, 1].into(), IpProtocol::Icmp, &request(1));
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    packet.set_hop_limit(1);
    packet.fill_checksum();
    guest.send_frame(GATEWAY_MAC, EthernetProtocol::Ipv4, &bytes);
    assert_eq!(guest.find_icmp(PATIENCE), Some((11, 0)));
    // A broken one is not answered.
    let mut broken = request(3);
    broken[8] ^= 1;
    guest.send_ip(GATEWAY, IpProtocol::Icmp, &broken);
    assert_eq!(guest.find_icmp(SILENCE), None);
}
