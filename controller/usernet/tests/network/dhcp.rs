//! Addresses.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use smoltcp::wire::{EthernetProtocol, IpProtocol};

use crate::cards::Machine;
use crate::peer::guest::{GATEWAY, PATIENCE, SILENCE};
use crate::peer::{Daemon, Guest};

fn ask(guest: &mut Guest, kind: MessageType, options: &[DhcpOption]) -> Option<Message> {
    let mut message = Message::default();
    message.set_chaddr(&guest.mac);
    message.opts_mut().insert(DhcpOption::MessageType(kind));
    options.iter().for_each(|option| drop(message.opts_mut().insert(option.clone())));
    let mut bytes = Vec::new();
    message.encode(&mut Encoder::new(&mut bytes)).unwrap();
    let begun = Instant::now();
    let patience = if kind == MessageType::Decline { SILENCE } else { PATIENCE };
    loop {
        say(guest, &bytes);
        // A guest asks again. The first time it may be taken for another: a process that some other
        // test forks has the old cable, too, until it executes a program.
        let answer = answer(guest, message.xid(), patience.min(Duration::from_secs(1)));
        if answer.is_some() || begun.elapsed() >= patience {
            return answer;
        }
    }
}

fn say(guest: &mut Guest, message: &[u8]) {
    let own = std::mem::replace(&mut guest.ip, Ipv4Addr::UNSPECIFIED);
    let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    let datagram = guest.udp(68, to, message);
    let packet = guest.ip_packet(*to.ip(), IpProtocol::Udp, &datagram);
    guest.send_frame([0xff; 6], EthernetProtocol::Ipv4, &packet);
    guest.ip = own;
}

/// The answer to the message of this number.
fn answer(guest: &mut Guest, xid: u32, patience: Duration) -> Option<Message> {
    loop {
        let (from, answer) = guest.find_udp(patience, 68)?;
        assert_eq!(from, SocketAddrV4::new(GATEWAY, 67));
        let answer = Message::decode(&mut Decoder::new(&answer)).unwrap();
        if answer.xid() == xid {
            return Some(answer);
        }
    }
}

/// Gets an address as a guest does when it boots.
pub fn boot(guest: &mut Guest) -> Ipv4Addr {
    let offer = ask(guest, MessageType::Discover, &[]).unwrap();
    assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer));
    let wish =
        [DhcpOption::RequestedIpAddress(offer.yiaddr()), DhcpOption::ServerIdentifier(GATEWAY)];
    let answer = ask(guest, MessageType::Request, &wish).unwrap();
    assert_eq!(answer.opts().msg_type(), Some(MessageType::Ack));
    assert_eq!(answer.yiaddr(), offer.yiaddr());
    answer.yiaddr()
}

#[test]
fn guests_get_limas_addresses_and_options() {
    let daemon = Daemon::start(&["--mtu", "9000"]);
    let mut guest = Guest::plug(&daemon, 1, 99);
    let offer = ask(&mut guest, MessageType::Discover, &[]).unwrap();
    let options = offer.opts();
    let expected = [
        DhcpOption::SubnetMask([255, 255, 255, 0].into()),
        DhcpOption::Router(vec![GATEWAY]),
        DhcpOption::DomainNameServer(vec![GATEWAY]),
        DhcpOption::ServerIdentifier(GATEWAY),
        DhcpOption::InterfaceMtu(9000),
        DhcpOption::AddressLeaseTime(3600),
    ];
    for option in expected {
        assert_eq!(options.get(OptionCode::from(&option)), Some(&option));
    }
    drop(guest);
    let addresses: Vec<_> =
        (1..=3).map(|n| boot(&mut Guest::plug(&daemon, n, 99)).octets()[3]).collect();
    assert_eq!(addresses, [1, 3, 4]);
    assert_eq!(boot(&mut Guest::plug(&daemon, 2, 99)).octets()[3], 3, "for good");
}

#[test]
fn leases_outlive_a_kill_and_come_from_the_command_line() {
    let mut daemon = Daemon::start(&["--leases", "192.168.104.50=52:55:55:00:00:07"]);
    assert_eq!(boot(&mut Guest::plug(&daemon, 7, 99)).octets()[3], 50);
    assert_eq!(boot(&mut Guest::plug(&daemon, 8, 99)).octets()[3], 1);
    let (status, leases) = daemon.api("GET", "/services/dhcp/leases", "");
    assert_eq!(status, 200);
    assert_eq!(
        leases,
        r#"{"192.168.104.1":"52:55:55:00:00:08","192.168.104.2":"5a:94:ef:e4:0c:dd","192.168.104.50":"52:55:55:00:00:07"}"#
    );
    daemon.kill();
    daemon.restart();
    assert_eq!(boot(&mut Guest::plug(&daemon, 9, 99)).octets()[3], 3);
    assert_eq!(boot(&mut Guest::plug(&daemon, 8, 99)).octets()[3], 1);
}

#[test]
fn wrong_requests_are_refused_and_other_servers_are_left_alone() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 99);
    assert_eq!(boot(&mut guest).octets()[3], 1);
    let far = DhcpOption::RequestedIpAddress([10, 0, 0, 1].into());
    let answer = ask(&mut guest, MessageType::Request, &[far]).unwrap();
    assert_eq!(answer.opts().msg_type(), Some(MessageType::Nak));
    ask(&mut guest, MessageType::Decline, &[]);
    assert_eq!(boot(&mut guest).octets()[3], 3, "declined for a while");
    let others = [
        DhcpOption::RequestedIpAddress([192, 168, 104, 3].into()),
        DhcpOption::ServerIdentifier([192, 168, 104, 200].into()),
    ];
    guest.stream.set_read_timeout(Some(SILENCE)).unwrap();
    assert!(ask_quick(&mut guest, &others).is_none());
}

fn ask_quick(guest: &mut Guest, options: &[DhcpOption]) -> Option<()> {
    let mut message = Message::default();
    message.set_chaddr(&guest.mac);
    message.opts_mut().insert(DhcpOption::MessageType(MessageType::Request));
    options.iter().for_each(|option| drop(message.opts_mut().insert(option.clone())));
    let mut bytes = Vec::new();
    message.encode(&mut Encoder::new(&mut bytes)).unwrap();
    guest.send_udp(68, SocketAddrV4::new(GATEWAY, 67), &bytes);
    guest.find_udp(SILENCE, 68).map(drop)
}

/// Asks for addresses under hardware addresses that it makes up, and waits until all was heard.
fn take_many(guest: &mut Guest, names: std::ops::Range<u8>) {
    let own = guest.mac;
    for n in names {
        guest.mac[4] = n;
        let mut message = Message::default();
        message.set_chaddr(&guest.mac);
        message.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
        let mut bytes = Vec::new();
        message.encode(&mut Encoder::new(&mut bytes)).unwrap();
        guest.send_udp(68, SocketAddrV4::new(GATEWAY, 67), &bytes);
    }
    guest.mac = own;
}

fn leases(daemon: &Daemon) -> usize {
    let text = daemon.api("GET", "/leases", "").1;
    serde_json::from_str::<serde_json::Value>(&text).unwrap().as_object().unwrap().len()
}

#[test]
fn one_vm_cannot_take_all_addresses() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 99);
    boot(&mut guest);
    take_many(&mut guest, 1..40);
    boot(&mut guest);
    boot(&mut Guest::plug(&daemon, 200, 99));
    assert_eq!(leases(&daemon), 1 + 32 + 1);
}

#[test]
fn one_vm_takes_no_more_than_half_of_a_small_network() {
    // Room for five VMs.
    let daemon = Daemon::start(&["--subnet", "192.168.104.0/29"]);
    let mut enemy = Guest::plug(&daemon, 1, 6);
    boot(&mut enemy);
    take_many(&mut enemy, 1..20);
    for friend in [200, 201, 202] {
        boot(&mut Machine::start(&daemon).plug(friend, 6));
    }
    assert_eq!(leases(&daemon), 1 + 2 + 3);
}

#[test]
fn to_be_plugged_in_anew_is_no_way_to_more_addresses() {
    let daemon = Daemon::start(&[]);
    for names in [1..30, 30..60, 60..90] {
        let mut guest = Guest::plug(&daemon, 1, 99);
        boot(&mut guest);
        take_many(&mut guest, names);
        boot(&mut guest);
    }
    assert_eq!(leases(&daemon), 1 + 32);
}

#[test]
fn a_daemon_that_is_killed_is_no_way_to_more_addresses() {
    let mut daemon = Daemon::start(&[]);
    for (names, friend) in [(1..30, 200), (30..60, 201), (60..90, 202)] {
        let mut guest = Guest::plug(&daemon, 1, 99);
        boot(&mut guest);
        take_many(&mut guest, names);
        boot(&mut guest);
        // One that is new comes onto the disk after all before it.
        boot(&mut Machine::start(&daemon).plug(friend, 99));
        drop(guest);
        daemon.kill();
        daemon.restart();
    }
    assert_eq!(leases(&daemon), 1 + 32 + 3);
}

#[test]
fn to_decline_all_addresses_keeps_nobody_from_getting_one() {
    // Room for five VMs.
    let daemon = Daemon::start(&["--subnet", "192.168.104.0/29"]);
    let mut enemy = Guest::plug(&daemon, 1, 6);
    for _ in 0..40 {
        for kind in [MessageType::Discover, MessageType::Decline] {
            let mut message = Message::default();
            message.set_chaddr(&enemy.mac);
            message.opts_mut().insert(DhcpOption::MessageType(kind));
            let mut bytes = Vec::new();
            message.encode(&mut Encoder::new(&mut bytes)).unwrap();
            enemy.send_udp(68, SocketAddrV4::new(GATEWAY, 67), &bytes);
        }
    }
    enemy.send_udp(1, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
    assert!(enemy.find_udp(PATIENCE, 1).is_some(), "all of it was heard");
    for friend in [200, 201, 202] {
        boot(&mut Machine::start(&daemon).plug(friend, 6));
    }
}

#[test]
fn nobody_declines_the_address_of_another_vm() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 99);
    let address = boot(&mut guest);
    drop(guest);
    // Of another process: a VM may decline what is its own.
    let mut enemy = Machine::start(&daemon).plug(2, 99);
    boot(&mut enemy);
    let own = std::mem::replace(&mut enemy.mac, [0x52, 0x55, 0x55, 0, 0, 1]);
    ask(&mut enemy, MessageType::Decline, &[]);
    enemy.mac = own;
    boot(&mut enemy);
    assert_eq!(boot(&mut Guest::plug(&daemon, 1, 99)), address);
}
