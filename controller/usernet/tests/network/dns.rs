//! Names.

use std::net::SocketAddrV4;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use smoltcp::wire::TcpControl;

use crate::peer::guest::{GATEWAY, PATIENCE};
use crate::peer::tcp::Tcp;
use crate::peer::{Daemon, Guest};

const SERVER: SocketAddrV4 = SocketAddrV4::new(GATEWAY, 53);

/// A query.
pub fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

fn ask(guest: &mut Guest, name: &str, kind: RecordType) -> Message {
    guest.send_udp(5353, SERVER, &query(name, kind));
    let (from, answer) = guest.find_udp(PATIENCE, 5353).expect("an answer");
    assert_eq!(from, SERVER);
    Message::from_vec(&answer).unwrap()
}

/// The address of a name, as a guest learns it.
pub fn address(guest: &mut Guest, name: &str) -> Option<String> {
    let answer = ask(guest, name, RecordType::A);
    answer.answers.iter().find_map(|record| match &record.data {
        RData::A(address) => Some(address.to_string()),
        _ => None,
    })
}

#[test]
fn names_of_the_network_the_manifest_and_the_host() {
    let daemon = Daemon::start(&["--host", "db.test=10.0.0.9", "--host", "alias.test=db.test"]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let zone = r#"{"Name":"internal.","Records":[{"Name":"lima-web","IP":"192.168.104.1"}],"DefaultIP":""}"#;
    assert_eq!(daemon.api("POST", "/services/dns/add", zone).0, 200);
    for (name, expected) in [
        ("host.lima.internal.", "192.168.104.2"),
        ("LIMA-Web.internal.", "192.168.104.1"),
        ("db.test.", "10.0.0.9"),
        ("alias.test.", "10.0.0.9"),
        // From the host's own /etc/hosts.
        ("localhost.", "127.0.0.1"),
    ] {
        assert_eq!(address(&mut guest, name).as_deref(), Some(expected), "{name}");
    }
    let missing = ask(&mut guest, "lima-other.internal.", RecordType::A);
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    let v6 = ask(&mut guest, "host.lima.internal.", RecordType::AAAA);
    assert_eq!((v6.metadata.response_code, v6.answers.len()), (ResponseCode::NoError, 0));
    let reverse = ask(&mut guest, "1.104.168.192.in-addr.arpa.", RecordType::PTR);
    assert!(format!("{:?}", reverse.answers).contains("lima-web"));
}

#[test]
fn queries_come_over_tcp_too() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let mut tcp = Tcp::connect(&mut guest, 40_000, SERVER);
    let query = query("host.lima.internal.", RecordType::A);
    let length = u16::try_from(query.len()).unwrap().to_be_bytes();
    // In two pieces, the first in the middle of the length.
    let whole = [&length[..], &query].concat();
    tcp.send(&mut guest, TcpControl::None, &whole[..1]);
    tcp.send(&mut guest, TcpControl::Psh, &whole[1..]);
    let (answer, _) = tcp.read(&mut guest, 3);
    let answer = Message::from_vec(&answer[2..]).unwrap();
    assert_eq!(answer.answers.len(), 1);
}

#[test]
fn what_is_no_query_does_no_harm() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let good = query("host.lima.internal.", RecordType::A);
    for length in 0..good.len() {
        guest.send_udp(5353, SERVER, &good[..length]);
    }
    guest.send_udp(5353, SERVER, &[0xc0; 600]);
    // Answers to what had a header come first.
    loop {
        let answer = ask(&mut guest, "host.lima.internal.", RecordType::A);
        if answer.metadata.response_code == ResponseCode::NoError && answer.answers.len() == 1 {
            break;
        }
        assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
    }
}

#[test]
fn hosts_in_a_file_are_known_as_they_are_now() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("definition.json");
    let daemon = Daemon::start(&["--hosts-file", file.to_str().unwrap()]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    let write = |text: &str| {
        std::fs::write(dir.path().join("new"), text).unwrap();
        std::fs::rename(dir.path().join("new"), &file).unwrap();
    };
    let missing = ask(&mut guest, "db.internal.", RecordType::A);
    assert!(missing.answers.is_empty());
    write(r#"{"hosts": {"db.internal": "10.0.0.9"}}"#);
    assert_eq!(address(&mut guest, "DB.internal.").as_deref(), Some("10.0.0.9"));
    write(r#"{"hosts": {"db.internal": "host.lima.internal"}}"#);
    assert_eq!(address(&mut guest, "db.internal.").as_deref(), Some("192.168.104.2"));
    let reverse = ask(&mut guest, "9.0.0.10.in-addr.arpa.", RecordType::PTR);
    assert!(!format!("{:?}", reverse.answers).contains("db"), "{:?}", reverse.answers);
}
