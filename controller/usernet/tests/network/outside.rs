//! The world beyond the host: a server in a network namespace of its own, which the daemon reaches
//! over a cable, and what of that world guests do not reach.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use smoltcp::wire::{IpProtocol, TcpControl};

use crate::peer::guest::{GATEWAY, PATIENCE};
use crate::peer::tcp::Tcp;
use crate::peer::{Daemon, Guest};

/// The daemon's host, as the server sees it.
const HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
/// The server.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// It has these addresses, too, as a cloud's metadata server has.
const METADATA: [Ipv4Addr; 2] =
    [Ipv4Addr::new(169, 254, 169, 254), Ipv4Addr::new(100, 100, 100, 200)];
/// An address of the host's loopback that the gateway's address does not stand for.
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 9, 9, 9);
const PORT: u16 = 7777;

/// What must be possible for all this.
const TRIAL: &str = "ip link add veth0 type veth peer name veth1; setpriv --version >/dev/null";

/// Makes the cable, starts a server at each end, and lets everybody ask for echoes.
fn script() -> String {
    let test = std::env::current_exe().unwrap();
    let serve = format!(
        "LIMEKILN_OUTSIDE=1 exec {} --exact outside::serve --ignored >/dev/null",
        test.display()
    );
    let [link_local, other] = METADATA;
    format!(
        "ip link set lo up; ip link add veth0 type veth peer name veth1
        echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range
        ip address add {HOST}/24 dev veth0; ip link set veth0 up
        ip route add {link_local} dev veth0; ip route add {other} dev veth0
        setpriv --pdeathsig KILL sh -c '{serve}' &
        setpriv --pdeathsig KILL unshare -n sh -ec '
            for i in $(seq 200); do ip link show veth1 >/dev/null 2>&1 && break; sleep 0.05; done
            ip link set lo up; ip link set veth1 up
            for a in {OUTSIDE}/24 {link_local}/32 {other}/32; do ip address add $a dev veth1; done
            {serve}' &
        until [ \"$(readlink /proc/$!/ns/net)\" != \"$(readlink /proc/$$/ns/net)\" ]; do sleep 0.05; done
        ip link set veth1 netns $!"
    )
}

/// What came of trying to reach something.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// The server's answer: who asked it.
    Asked(String),
    /// "Administratively prohibited".
    Prohibited,
    /// Anything else.
    Failed,
}

fn tcp(guest: &mut Guest, port: u16, to: Ipv4Addr) -> Outcome {
    let mut tcp = Tcp::new(port, SocketAddrV4::new(to, PORT));
    tcp.send_syn(guest);
    // An error of ICMP comes instead of a segment.
    let Some(answer) = first(guest, port) else { return Outcome::Failed };
    let answer = match answer {
        First::Tcp(seq, syn) => (seq, syn),
        First::Icmp(3, 13) => return Outcome::Prohibited,
        First::Icmp(..) => return Outcome::Failed,
    };
    let (seq, true) = answer else { return Outcome::Failed };
    tcp.seq += 1;
    tcp.ack = seq + 1;
    tcp.send(guest, TcpControl::None, &[]);
    let (data, _) = tcp.read(guest, 1024);
    Outcome::Asked(String::from_utf8(data).unwrap())
}

enum First {
    Tcp(smoltcp::wire::TcpSeqNumber, bool),
    Icmp(u8, u8),
}

/// The first segment or ICMP error that comes.
fn first(guest: &mut Guest, port: u16) -> Option<First> {
    use smoltcp::wire::{EthernetFrame, Ipv4Packet, TcpPacket};
    guest.find(PATIENCE, |frame| {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
        match packet.next_header() {
            IpProtocol::Tcp => {
                let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
                let accepts = tcp.syn() && tcp.ack() && !tcp.rst();
                (tcp.dst_port() == port).then(|| First::Tcp(tcp.seq_number(), accepts))
            }
            IpProtocol::Icmp => {
                Some(First::Icmp(*packet.payload().first()?, *packet.payload().get(1)?))
            }
            _ => None,
        }
    })
}

fn udp(guest: &mut Guest, port: u16, to: Ipv4Addr) -> Outcome {
    let to = SocketAddrV4::new(to, PORT);
    guest.send_udp(port, to, b"who am I?");
    let answer = guest.find(PATIENCE, |frame| {
        let packet = frame.get(14..)?;
        match packet.get(9)? {
            17 => Some(Outcome::Asked(String::from_utf8(packet.get(28..)?.to_vec()).ok()?)),
            1 if packet.get(20..22)? == [3, 13] => Some(Outcome::Prohibited),
            1 => Some(Outcome::Failed),
            _ => None,
        }
    });
    answer.unwrap_or(Outcome::Failed)
}

fn echo(guest: &mut Guest, number: u8, to: Ipv4Addr) -> Outcome {
    let mut icmp = vec![8, 0, 0, 0, 0, 9, 0, number];
    smoltcp::wire::Icmpv4Packet::new_unchecked(&mut icmp[..]).fill_checksum();
    guest.send_ip(to, IpProtocol::Icmp, &icmp);
    let answer = guest.find_ip(PATIENCE, IpProtocol::Icmp, |packet| {
        let icmp = packet.payload();
        Some(match (icmp[0], icmp[1]) {
            (0, 0) if icmp[7] == number => Outcome::Asked(packet.src_addr().to_string()),
            (3, 13) => Outcome::Prohibited,
            _ => Outcome::Failed,
        })
    });
    answer.unwrap_or(Outcome::Failed)
}

/// A guest of a daemon with these words, once both servers listen.
fn world(words: &[&str]) -> (Daemon, Guest) {
    world_within("-n", &script(), words)
}

/// The same in these namespaces, after a script.
fn world_within(namespaces: &str, script: &str, words: &[&str]) -> (Daemon, Guest) {
    let daemon = Daemon::start_within(namespaces, script, words);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let start = Instant::now();
    for (n, server) in [(0, OUTSIDE), (500, GATEWAY)] {
        for port in 20_000 + n.. {
            if matches!(tcp(&mut guest, port, server), Outcome::Asked(_)) {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "{server} does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    (daemon, guest)
}

#[test]
fn the_world_outside_is_reached_and_what_is_denied_is_not() {
    if !Daemon::may("-n", TRIAL) {
        println!("SKIPPED: this user may make no network of its own (root, iproute2, util-linux)");
        return;
    }
    let (_daemon, mut guest) = world(&[]);
    let asked = |by: Ipv4Addr| Outcome::Asked(by.to_string());
    assert_eq!(tcp(&mut guest, 4001, OUTSIDE), asked(HOST), "by the host's own address");
    assert_eq!(udp(&mut guest, 4001, OUTSIDE), asked(HOST));
    assert_eq!(echo(&mut guest, 1, OUTSIDE), asked(OUTSIDE));
    // The host, by the gateway's address and by its own.
    assert_eq!(tcp(&mut guest, 4002, GATEWAY), asked(Ipv4Addr::LOCALHOST));
    assert_eq!(udp(&mut guest, 4002, GATEWAY), asked(Ipv4Addr::LOCALHOST));
    assert_eq!(tcp(&mut guest, 4003, HOST), asked(HOST));
    // All of these listen.
    let loopback = [Ipv4Addr::LOCALHOST, LOOPBACK];
    for (n, denied) in (0..).zip(METADATA.into_iter().chain(loopback)) {
        assert_eq!(tcp(&mut guest, 5000 + n, denied), Outcome::Prohibited, "{denied}");
        assert_eq!(udp(&mut guest, 5000 + n, denied), Outcome::Prohibited, "{denied}");
        let number = 100 + u8::try_from(n).unwrap();
        assert_eq!(echo(&mut guest, number, denied), Outcome::Prohibited, "{denied}");
    }
}

#[test]
fn what_is_allowed_is_reached_and_nothing_beside_it() {
    if !Daemon::may("-n", TRIAL) {
        println!("SKIPPED: this user may make no network of its own (root, iproute2, util-linux)");
        return;
    }
    let (_daemon, mut guest) = world(&["--allow", "169.254.0.0/16", "--allow", "127.9.9.9"]);
    let [link_local, other] = METADATA;
    let asked = |by: Ipv4Addr| Outcome::Asked(by.to_string());
    assert_eq!(tcp(&mut guest, 4001, link_local), asked(HOST));
    assert_eq!(udp(&mut guest, 4001, link_local), asked(HOST));
    assert_eq!(echo(&mut guest, 1, link_local), asked(link_local));
    assert!(matches!(tcp(&mut guest, 4002, LOOPBACK), Outcome::Asked(_)));
    for (n, denied) in (0..).zip([other, Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 9, 9, 8)]) {
        assert_eq!(tcp(&mut guest, 5000 + n, denied), Outcome::Prohibited, "{denied}");
        assert_eq!(udp(&mut guest, 5000 + n, denied), Outcome::Prohibited, "{denied}");
    }
}

/// Whoever makes names can have one lead anywhere. It opens nothing: the guest is told what the host
/// knows, and what is denied is denied by its address.
#[test]
fn a_name_that_leads_to_what_is_denied_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = dir.path().join("hosts");
    let [link_local, other] = METADATA;
    let names = [("bound.test", link_local), ("cloud.test", other), ("loop.test", LOOPBACK)];
    let lines: Vec<_> = names.iter().map(|(name, at)| format!("{at} {name}\n")).collect();
    std::fs::write(&hosts, format!("{}{OUTSIDE} open.test\n", lines.concat())).unwrap();
    let mount = format!("mount --bind {} /etc/hosts", hosts.display());
    if !Daemon::may("-nm", &format!("{mount}; {TRIAL}")) {
        println!("SKIPPED: this user may make no network of its own (root, iproute2, util-linux)");
        return;
    }
    let alias = ["--host", "alias.test=bound.test"];
    let (_daemon, mut guest) = world_within("-nm", &format!("{mount}\n{}", script()), &alias);
    let open = crate::dns::address(&mut guest, "open.test.").unwrap().parse().unwrap();
    assert_eq!(tcp(&mut guest, 4001, open), Outcome::Asked(HOST.to_string()));
    for (n, (name, at)) in (0..).zip(names.into_iter().chain([("alias.test", link_local)])) {
        let told = crate::dns::address(&mut guest, &format!("{name}."));
        assert_eq!(told, Some(at.to_string()), "{name}");
        assert_eq!(tcp(&mut guest, 5000 + n, at), Outcome::Prohibited, "{name}");
        assert_eq!(udp(&mut guest, 5000 + n, at), Outcome::Prohibited, "{name}");
        let number = 100 + u8::try_from(n).unwrap();
        assert_eq!(echo(&mut guest, number, at), Outcome::Prohibited, "{name}");
    }
}

/// The server: tells everybody with which address they came. The tests above start it in their
/// namespaces; it ends with the daemon, or by itself.
#[test]
#[ignore = "the server that the other tests start"]
fn serve() {
    if std::env::var_os("LIMEKILN_OUTSIDE").is_none() {
        return;
    }
    // A socket for all addresses would answer from another one than was asked.
    let here = [OUTSIDE, HOST, Ipv4Addr::LOCALHOST, LOOPBACK].into_iter().chain(METADATA);
    let here: Vec<_> = here.filter_map(|at| UdpSocket::bind((at, PORT)).ok()).collect();
    assert!(here.len() >= 2, "{here:?}");
    for datagrams in here {
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((_, from)) = datagrams.recv_from(&mut buffer) {
                datagrams.send_to(from.ip().to_string().as_bytes(), from).unwrap();
            }
        });
    }
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let from = stream.peer_addr().unwrap().ip().to_string();
            // Who goes away needs no answer.
            let _ = stream.write_all(from.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    std::thread::sleep(Duration::from_secs(60));
}
