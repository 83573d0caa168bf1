//! Which hardware address is whose, also while a VM is away, and while the daemon was.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use smoltcp::wire::TcpControl;

use crate::dhcp::boot;
use crate::peer::guest::{GATEWAY, PATIENCE, SILENCE};
use crate::peer::tcp::Tcp;
use crate::peer::{Daemon, Guest};

/// A process that makes cables, as QEMU does; the test has the other end.
pub struct Machine {
    child: Child,
    control: UnixStream,
}

impl Machine {
    /// Starts it.
    pub fn start(daemon: &Daemon) -> Self {
        let (control, theirs) = UnixStream::pair().unwrap();
        let test = std::env::current_exe().unwrap();
        let child = Command::new(test)
            .args(["--exact", "cards::machine", "--ignored"])
            .env("LIMEKILN_MACHINE", daemon.path("qemu.sock"))
            .stdin(OwnedFd::from(theirs))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        Self { child, control }
    }

    /// Plugs in; nothing was said yet.
    pub fn plug(&mut self, number: u8, ip: u8) -> Guest {
        self.control.write_all(&[1]).unwrap();
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut buffer = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        recvmsg(&self.control, &mut [IoSliceMut::new(&mut byte)], &mut buffer, flags).unwrap();
        let cable = buffer.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut cables) => cables.next(),
            _ => None,
        });
        Guest::on(cable.unwrap().into(), number, ip)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process: for each byte a cable.
#[test]
#[ignore = "the process that the other tests start"]
fn machine() {
    let Some(path) = std::env::var_os("LIMEKILN_MACHINE") else { return };
    let mut control = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    while control.read_exact(&mut [0]).is_ok() {
        let cable = UnixStream::connect(&path).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut buffer = SendAncillaryBuffer::new(&mut space);
        let cables = [cable.as_fd()];
        assert!(buffer.push(SendAncillaryMessage::ScmRights(&cables)));
        sendmsg(&control, &[IoSlice::new(&[0])], &mut buffer, SendFlags::empty()).unwrap();
    }
}

/// Waits until it is written down which card has the address that ends so.
fn until_written(daemon: &Daemon, number: u8) {
    until("it is written down", || {
        let text = std::fs::read_to_string(daemon.path("cards.json")).unwrap_or_default();
        text.contains(&format!("52:55:55:00:00:{number:02x}"))
    });
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until so many VMs are plugged in.
fn until_plugged(daemon: &Daemon, count: u64) {
    until("cables are still there, or not yet", || {
        let stats = daemon.api("GET", "/stats", "").1;
        let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
        stats["ports"].as_u64() == Some(count)
    });
}

/// Plugs a VM in that speaks as itself.
fn itself(machine: &mut Machine, number: u8, ip: u8) -> Guest {
    let mut guest = machine.plug(number, ip);
    guest.announce();
    assert!(guest.is_heard(PATIENCE));
    guest
}

#[test]
#[cfg(target_os = "linux")]
fn a_restart_lets_no_vm_take_the_address_of_another() {
    for orderly in [false, true] {
        let mut daemon = Daemon::start(&[]);
        let (mut one, mut two) = (Machine::start(&daemon), Machine::start(&daemon));
        let (thief, victim) = (itself(&mut one, 1, 1), itself(&mut two, 2, 3));
        (1..3).for_each(|number| until_written(&daemon, number));
        if orderly {
            assert!(daemon.stop());
        } else {
            daemon.kill();
        }
        drop((thief, victim));
        daemon.restart();
        // The first word after the restart is another's name.
        let mut thief = one.plug(2, 3);
        thief.announce();
        assert!(!thief.is_heard(SILENCE));
        let told = "not heard as 52:55:55:00:00:02";
        assert_eq!(daemon.log_saying(told).matches(told).count(), 1);
        (thief.mac[5], thief.ip) = (1, Ipv4Addr::new(192, 168, 104, 1));
        assert!(thief.is_heard(PATIENCE), "as itself it is");
        // A process that is new doesn't get it either.
        let mut new = Machine::start(&daemon);
        assert!(!new.plug(2, 3).is_heard(SILENCE));
        drop(new);
        let victim = itself(&mut two, 2, 3);
        // It ends, and another process has its place.
        drop((victim.stream.shutdown(std::net::Shutdown::Both), two));
        until_plugged(&daemon, 1);
        (thief.mac[5], thief.ip) = (2, victim.ip);
        assert!(!thief.is_heard(SILENCE));
        itself(&mut Machine::start(&daemon), 2, 3);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn two_restarts_let_no_vm_take_the_address_of_one_that_says_nothing() {
    let mut daemon = Daemon::start(&[]);
    let mut silent = Machine::start(&daemon);
    drop(itself(&mut silent, 2, 3));
    until_written(&daemon, 2);
    daemon.kill();
    daemon.restart();
    let mut other = Machine::start(&daemon);
    drop(itself(&mut other, 1, 1));
    until_written(&daemon, 1);
    daemon.kill();
    daemon.restart();
    assert!(!Machine::start(&daemon).plug(2, 3).is_heard(SILENCE));
    itself(&mut silent, 2, 3);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_network_gives_away_no_address_of_a_vm_that_runs() {
    let others = "192.168.104.3=52:55:55:00:01:03,192.168.104.4=52:55:55:00:01:04,\
                  192.168.104.5=52:55:55:00:01:05,192.168.104.6=52:55:55:00:01:06";
    let mut daemon = Daemon::start(&["--subnet", "192.168.104.0/29", "--leases", others]);
    let mut machine = Machine::start(&daemon);
    let own = boot(&mut machine.plug(1, 1));
    assert_eq!(own, Ipv4Addr::new(192, 168, 104, 1));
    until_written(&daemon, 1);
    daemon.kill();
    daemon.restart();
    let new = boot(&mut Guest::plug(&daemon, 9, 9));
    assert_eq!(new, Ipv4Addr::new(192, 168, 104, 3), "that of one that does not run");
    assert_eq!(boot(&mut machine.plug(1, 1)), own);
}

#[test]
#[cfg(target_os = "linux")]
fn connections_of_a_vm_that_ended_go_to_no_other_process() {
    let daemon = Daemon::start(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let mut machine = Machine::start(&daemon);
    let mut guest = itself(&mut machine, 1, 1);
    let mut tcp = Tcp::connect(&mut guest, 40_000, at);
    let (mut host, _) = listener.accept().unwrap();
    drop((machine, guest));
    until_plugged(&daemon, 0);
    assert_eq!(daemon.connections(), 1, "it waits");
    // Its address is free, and whoever has it now knows all the numbers.
    let mut machine = Machine::start(&daemon);
    let mut thief = machine.plug(1, 1);
    tcp.send(&mut thief, TcpControl::Psh, b"evil");
    host.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(host.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(thief.is_heard(PATIENCE));
    assert_eq!(daemon.connections(), 0);
}

#[test]
fn what_is_damaged_is_said_and_set_aside() {
    let mut daemon = Daemon::start(&[]);
    daemon.kill();
    let later = r#"{"version":2,"boot":"","cards":{}}"#;
    std::fs::write(daemon.path("cards.json"), later).unwrap();
    daemon.restart();
    daemon.log_saying("a later release wrote them");
    let aside = std::fs::read_to_string(daemon.path("cards.json.set-aside-1")).unwrap();
    assert_eq!(aside, later);
}

#[test]
fn connections_and_flows_of_a_vm_that_is_away_are_no_others() {
    let daemon = Daemon::start(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let datagrams_at = SocketAddrV4::new(GATEWAY, socket.local_addr().unwrap().port());
    let (mut guest, mut thief) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    let mut tcp = Tcp::connect(&mut guest, 40_000, at);
    let (mut host, _) = listener.accept().unwrap();
    guest.send_udp(4000, datagrams_at, b"question");
    let mut buffer = [0; 64];
    let (_, asked_from) = socket.recv_from(&mut buffer).unwrap();
    drop(guest);
    until_plugged(&daemon, 1);
    thief.ip = [192, 168, 104, 1].into();
    thief.announce();
    // It knows all the numbers.
    let mut stolen = tcp.clone();
    stolen.send(&mut thief, TcpControl::Psh, b"evil");
    thief.send_udp(4000, datagrams_at, b"another question");
    let (_, from) = socket.recv_from(&mut buffer).unwrap();
    assert_ne!(from, asked_from, "a flow of its own");
    host.write_all(b"for the guest").unwrap();
    // The socket that asked is closed: nobody has the answer.
    let _ = socket.send_to(b"answer", asked_from);
    assert_eq!(thief.find_udp(SILENCE, 4000), None);
    let segment = stolen.next(&mut thief, SILENCE);
    assert!(segment.is_none(), "{segment:?}");
    // The VM comes back, and its connection is as it was.
    let mut guest = Guest::plug(&daemon, 1, 1);
    tcp.send(&mut guest, TcpControl::Psh, b"good");
    assert_eq!(tcp.read(&mut guest, 13).0, b"for the guest");
    host.set_read_timeout(Some(PATIENCE)).unwrap();
    host.read_exact(&mut buffer[..4]).unwrap();
    assert_eq!(&buffer[..4], b"good");
}

#[test]
fn connections_under_an_address_beside_the_cards_own_end_with_their_vm() {
    let daemon = Daemon::start(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let mut guest = Guest::plug(&daemon, 1, 1);
    // As of a container that is bridged onto the network.
    guest.mac[5] = 77;
    let _tcp = Tcp::connect(&mut guest, 40_000, at);
    let (mut host, _) = listener.accept().unwrap();
    drop(guest);
    host.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(host.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(daemon.connections(), 0);
}

/// As whoever starts a VM tells which addresses it has; returns what is answered.
fn tell(daemon: &Daemon, machine: &Machine, numbers: &[u8]) -> (u16, String) {
    let cards: Vec<_> = numbers.iter().map(|n| format!("52:55:55:00:00:{n:02x}")).collect();
    let body = serde_json::json!({"pid": machine.child.id(), "cards": cards});
    daemon.api("POST", "/limekiln/vms", &body.to_string())
}

#[test]
#[cfg(target_os = "linux")]
fn a_first_word_under_the_address_of_a_vm_that_is_stopped_is_not_heard() {
    let mut daemon = Daemon::start(&[]);
    let mut stopped = Machine::start(&daemon);
    assert_eq!(tell(&daemon, &stopped, &[2]).0, 200);
    let address = boot(&mut stopped.plug(2, 0));
    drop(stopped);
    until_plugged(&daemon, 0);
    let mut one = Machine::start(&daemon);
    assert_eq!(tell(&daemon, &one, &[1]).0, 200);
    // The last time it is plugged in after a daemon that was killed, before anybody tells anything.
    for restart in [false, true] {
        if restart {
            until_written(&daemon, 1);
            daemon.kill();
            daemon.restart();
        }
        let mut thief = one.plug(2, address.octets()[3]);
        thief.announce();
        assert!(!thief.is_heard(SILENCE));
        daemon.log_saying("not heard as 52:55:55:00:00:02");
        thief.mac[5] = 1;
        assert!(thief.is_heard(PATIENCE), "as itself it is");
    }
    let mut again = Machine::start(&daemon);
    assert_eq!(tell(&daemon, &again, &[2]).0, 200);
    assert_eq!(boot(&mut again.plug(2, 0)), address);
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_told_of_a_vm_counts_more_than_who_spoke_first() {
    let daemon = Daemon::start(&[]);
    // As a VM of Lima's, of which nobody tells anything.
    let mut one = Machine::start(&daemon);
    let mut thief = itself(&mut one, 2, 3);
    let mut two = Machine::start(&daemon);
    assert_eq!(tell(&daemon, &two, &[2]).0, 200);
    let mut victim = itself(&mut two, 2, 3);
    assert!(!thief.is_heard(SILENCE));
    let stats = daemon.api("GET", "/stats", "").1;
    assert_eq!(stats.matches("52:55:55:00:00:02").count(), 1, "{stats}");
    thief.mac[5] = 1;
    assert!(thief.is_heard(PATIENCE));
    assert!(victim.is_heard(PATIENCE));
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_opened_under_an_address_ends_when_it_is_told_to_be_anothers() {
    let daemon = Daemon::start(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let datagrams_at = SocketAddrV4::new(GATEWAY, socket.local_addr().unwrap().port());
    let mut buffer = [0; 64];
    let mut one = Machine::start(&daemon);
    let mut thief = itself(&mut one, 1, 1);
    let mut its_own = Tcp::connect(&mut thief, 40_001, at);
    let (mut its_host, _) = listener.accept().unwrap();
    (thief.mac[5], thief.ip) = (2, Ipv4Addr::new(192, 168, 104, 3));
    thief.announce();
    let _stolen = Tcp::connect(&mut thief, 40_000, at);
    let (mut stolen_host, _) = listener.accept().unwrap();
    thief.send_udp(4000, datagrams_at, b"question");
    let (_, asked_from) = socket.recv_from(&mut buffer).unwrap();
    let mut two = Machine::start(&daemon);
    assert_eq!(tell(&daemon, &two, &[2]).0, 200);
    stolen_host.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = stolen_host.read(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(daemon.connections(), 1, "what it opened as itself stays");
    // Nobody has what is still answered, and the same ports are free for whose the address is.
    let mut victim = itself(&mut two, 2, 3);
    let _ = socket.send_to(b"answer", asked_from);
    assert_eq!((victim.find_udp(SILENCE, 4000), thief.find_udp(SILENCE, 4000)), (None, None));
    victim.send_udp(4000, datagrams_at, b"its own question");
    let (count, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"its own question");
    assert_ne!(from, asked_from);
    let mut tcp = Tcp::connect(&mut victim, 40_000, at);
    let (mut host, _) = listener.accept().unwrap();
    // The same told once more, as by a host agent that was started anew, ends nothing.
    assert_eq!(tell(&daemon, &two, &[2]).0, 200);
    tcp.send(&mut victim, TcpControl::Psh, b"good");
    (thief.mac[5], thief.ip) = (1, Ipv4Addr::new(192, 168, 104, 1));
    its_own.send(&mut thief, TcpControl::Psh, b"mine");
    for (host, expected) in [(&mut host, b"good"), (&mut its_host, b"mine")] {
        host.set_read_timeout(Some(PATIENCE)).unwrap();
        host.read_exact(&mut buffer[..4]).unwrap();
        assert_eq!(&buffer[..4], expected);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn two_vms_that_are_told_to_have_one_address_are_refused() {
    let daemon = Daemon::start(&[]);
    let (one, two) = (Machine::start(&daemon), Machine::start(&daemon));
    assert_eq!(tell(&daemon, &one, &[2, 3]).0, 200);
    assert_eq!(tell(&daemon, &one, &[2, 3]).0, 200, "the same once more");
    let (status, text) = tell(&daemon, &two, &[2]);
    assert_eq!(status, 409);
    let pid = one.child.id();
    let expected =
        format!("52:55:55:00:00:02 is the address of another VM, that of process {pid}\n");
    assert_eq!(text, expected);
    drop(one);
    assert_eq!(tell(&daemon, &two, &[2]).0, 200, "that one has ended");
    for (method, body, status) in [
        ("POST", r#"{"pid":1,"cards":[]}"#, 400),
        ("POST", r#"{"pid":1,"cards":["5a:94:ef:e4:0c:dd"]}"#, 400),
        ("POST", r#"{"pid":4194305,"cards":["52:55:55:00:00:09"]}"#, 410),
        ("POST", "{", 400),
        ("GET", "", 400),
    ] {
        assert_eq!(daemon.api(method, "/limekiln/vms", body).0, status, "{method} {body}");
    }
}
