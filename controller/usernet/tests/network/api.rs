//! The HTTP API, with Lima's words.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

use smoltcp::wire::TcpControl;

use crate::peer::guest::{GATEWAY, PATIENCE, SILENCE};
use crate::peer::tcp::Tcp;
use crate::peer::{Daemon, Guest};

/// A port of the host that is free.
fn free() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn forward(port: u16, protocol: &str) -> String {
    format!(r#"{{"local":"127.0.0.1:{port}","remote":"192.168.104.1:22","protocol":"{protocol}"}}"#)
}

/// Takes a connection that comes to port 22 of the guest.
fn accept(guest: &mut Guest) -> Tcp {
    use smoltcp::wire::{IpProtocol, TcpPacket};
    let (remote, seq) = guest
        .find_ip(PATIENCE, IpProtocol::Tcp, |packet| {
            let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
            let open = tcp.syn() && !tcp.ack() && tcp.dst_port() == 22;
            let from = std::net::SocketAddrV4::new(packet.src_addr(), tcp.src_port());
            open.then(|| (from, tcp.seq_number()))
        })
        .expect("a connection comes");
    let mut tcp = Tcp::new(22, remote);
    tcp.ack = seq + 1;
    tcp.send(guest, TcpControl::Syn, &[]);
    tcp
}

/// The daemon has to know a guest: it asks for a name, and is answered.
fn be_heard(guest: &mut Guest) {
    guest.send_udp(1, std::net::SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
    assert!(guest.find_udp(PATIENCE, 1).is_some(), "it was heard");
}

#[test]
fn a_port_of_the_host_leads_to_a_guest() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let port = free();
    let expose = "/services/forwarder/expose";
    assert_eq!(daemon.api("POST", expose, &forward(port, "tcp")).0, 200);
    assert_eq!(daemon.api("POST", expose, &forward(port, "tcp")).0, 200, "the same once more");
    let other = forward(port, "tcp").replace(":22", ":23");
    let (status, text) = daemon.api("POST", expose, &other);
    assert_eq!((status, text.as_str()), (500, "proxy already running\n"));
    let (_, all) = daemon.api("GET", "/services/forwarder/all", "");
    assert!(all.contains(r#""remote":"192.168.104.1:22""#), "{all}");

    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut tcp = accept(&mut guest);
    assert_eq!(*tcp.remote.ip(), GATEWAY);
    client.write_all(b"ping").unwrap();
    assert_eq!(tcp.read(&mut guest, 4).0, b"ping");
    tcp.send(&mut guest, TcpControl::Psh, b"pong");
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"pong");

    // A guest that refuses.
    let mut refused = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut tcp = accept_and_reset(&mut guest);
    let _ = &mut tcp;
    assert_eq!(refused.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);

    let unexpose = "/services/forwarder/unexpose";
    assert_eq!(daemon.api("POST", unexpose, &forward(port, "tcp")).0, 200);
    let (status, text) = daemon.api("POST", unexpose, &forward(port, "tcp"));
    assert_eq!((status, text.as_str()), (500, "proxy not found\n"));
    let start = std::time::Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
        assert!(start.elapsed() < PATIENCE);
    }
}

fn accept_and_reset(guest: &mut Guest) -> Tcp {
    use smoltcp::wire::{IpProtocol, TcpPacket};
    let (remote, seq) = guest
        .find_ip(PATIENCE, IpProtocol::Tcp, |packet| {
            let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
            let from = std::net::SocketAddrV4::new(packet.src_addr(), tcp.src_port());
            (tcp.syn() && !tcp.ack()).then(|| (from, tcp.seq_number()))
        })
        .expect("a connection comes");
    let mut tcp = Tcp::new(22, remote);
    tcp.ack = seq + 1;
    tcp.send(guest, TcpControl::Rst, &[]);
    tcp
}

#[test]
fn datagrams_are_forwarded_too() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let port = free();
    assert_eq!(daemon.api("POST", "/services/forwarder/expose", &forward(port, "udp")).0, 200);
    be_heard(&mut guest);
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    client.send(b"ping").unwrap();
    let (from, data) = guest.find_udp(PATIENCE, 22).unwrap();
    assert_eq!((*from.ip(), data), (GATEWAY, b"ping".to_vec()));
    guest.send_udp(22, from, b"pong");
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 10];
    let count = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..count], b"pong");
}

/// A port of the gateway stands for a peer of a forward, but only for the guest to which it leads.
#[test]
fn a_peer_of_a_forward_hides_no_port_of_the_host_and_hears_no_other_vm() {
    let daemon = Daemon::start(&["--leases", "192.168.104.1=52:55:55:00:00:01"]);
    let (mut guest, mut other) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let port = free();
    assert_eq!(daemon.api("POST", "/services/forwarder/expose", &forward(port, "udp")).0, 200);
    be_heard(&mut guest);
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send(b"ping").unwrap();
    let (from, _) = guest.find_udp(PATIENCE, 22).unwrap();
    // The host's own service on the port of that number.
    let Ok(service) = UdpSocket::bind((Ipv4Addr::LOCALHOST, from.port())) else {
        println!("SKIPPED: port {} of this host is taken", from.port());
        return;
    };
    service.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 64];
    other.send_udp(4000, from, b"for the service");
    let (count, address) = service.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"for the service");
    service.send_to(b"hello", address).unwrap();
    assert_eq!(other.find_udp(PATIENCE, 4000), Some((from, b"hello".to_vec())));
    // In the guest's name: nobody who asked the guest hears it.
    other.ip = guest.ip;
    other.send_udp(22, from, b"forged");
    assert_eq!(service.recv(&mut buffer).unwrap(), 6);
    guest.send_udp(22, from, b"pong");
    let count = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"pong");
}

#[test]
fn a_port_that_listens_is_waited_for() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    be_heard(&mut guest);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            daemon.api("GET", "/extension/wait_port?ip=192.168.104.1&port=22&timeout=20", "").0
        });
        accept_and_reset(&mut guest);
        accept(&mut guest);
        assert_eq!(asked.join().unwrap(), 200);
    });
    let path = "/extension/wait_port?ip=192.168.104.9&port=22&timeout=1";
    assert_eq!(daemon.api("GET", path, "").0, 408);
    assert_eq!(daemon.api("GET", "/extension/wait_port?ip=x", "").0, 400);
}

#[test]
fn what_is_not_understood_is_refused() {
    let daemon = Daemon::start(&[]);
    for (method, path, body, status) in [
        ("GET", "/services/forwarder/expose", "", 400),
        ("POST", "/services/forwarder/expose", "{", 400),
        ("POST", "/services/forwarder/expose", r#"{"local":"x","remote":"192.168.104.1:22"}"#, 500),
        ("POST", "/services/forwarder/expose", r#"{"local":":0","remote":"guest:22"}"#, 500),
        ("POST", "/services/dns/add", r#"{"Name":"","Records":[]}"#, 400),
        ("POST", "/services/dns/add", r#"{"Name":"a.","Records":[{"Name":"b","IP":"x"}]}"#, 400),
        ("GET", "/nothing", "", 404),
    ] {
        assert_eq!(daemon.api(method, path, body).0, status, "{method} {path} {body}");
    }
}

#[test]
fn a_forward_leads_to_the_vm_that_was_given_the_address() {
    let daemon = Daemon::start(&["--leases", "192.168.104.1=52:55:55:00:00:01"]);
    let (mut guest, mut thief) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let port = free();
    assert_eq!(daemon.api("POST", "/services/forwarder/expose", &forward(port, "tcp")).0, 200);
    thief.ip = guest.ip;
    thief.announce();
    be_heard(&mut thief);
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut tcp = accept(&mut guest);
    client.write_all(b"ping").unwrap();
    assert_eq!(tcp.read(&mut guest, 4).0, b"ping");
}

/// The first segment of a connection to port 22 of the guest, if one comes.
fn is_called(guest: &mut Guest, patience: std::time::Duration) -> bool {
    use smoltcp::wire::{IpProtocol, TcpPacket};
    let called = guest.find_ip(patience, IpProtocol::Tcp, |packet| {
        let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
        (tcp.syn() && !tcp.ack() && tcp.dst_port() == 22).then_some(())
    });
    called.is_some()
}

#[test]
fn a_forward_to_a_vm_that_is_away_leads_to_no_other() {
    let daemon = Daemon::start(&["--leases", "192.168.104.1=52:55:55:00:00:01"]);
    let (guest, mut thief) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let (own, of_guest, address) = (thief.mac, guest.mac, guest.ip);
    let port = free();
    assert_eq!(daemon.api("POST", "/services/forwarder/expose", &forward(port, "tcp")).0, 200);
    drop(guest);
    thief.ip = address;
    for mac in [own, of_guest] {
        thief.mac = mac;
        thief.announce();
        thief.send_udp(1, std::net::SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
        // It was heard, or never will be.
        assert_eq!(thief.find_udp(SILENCE, 1).is_some(), mac == own);
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_called(&mut thief, SILENCE), "under {mac:x?}");
    }
    let mut guest = Guest::plug(&daemon, 1, 1);
    let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    assert!(is_called(&mut guest, PATIENCE), "it is back");
}
