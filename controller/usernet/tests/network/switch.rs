//! VMs among themselves.

use std::io::{IoSlice, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use smoltcp::wire::{ArpOperation, EthernetFrame, EthernetProtocol};

use crate::peer::guest::{GATEWAY, GATEWAY_MAC, PATIENCE, SILENCE};
use crate::peer::{Daemon, Guest};

const TEST: EthernetProtocol = EthernetProtocol::Unknown(0x88b5);

/// The next frame of the test's own protocol.
fn next(guest: &mut Guest, patience: Duration) -> Option<Vec<u8>> {
    guest.find(patience, |frame| {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        (frame.ethertype() == TEST).then(|| frame.payload().to_vec())
    })
}

#[test]
fn the_gateway_answers_arp_for_itself_alone() {
    let daemon = Daemon::start(&[]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    guest.send_arp(ArpOperation::Request, [0xff; 6], GATEWAY);
    let answer = |frame: &[u8]| {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        (frame.ethertype() == EthernetProtocol::Arp).then(|| frame.src_addr().0)
    };
    assert_eq!(guest.find(PATIENCE, answer), Some(GATEWAY_MAC));
    guest.send_arp(ArpOperation::Request, [0xff; 6], [192, 168, 104, 77].into());
    assert_eq!(guest.find(SILENCE, answer), None);
}

#[test]
fn a_frame_goes_to_whom_it_is_for_and_to_all_while_nobody_knows() {
    let daemon = Daemon::start(&[]);
    let mut guests: Vec<_> = (1..=3).map(|n| Guest::plug(&daemon, n, n)).collect();
    // Their announcements came to the switch when each other's come out.
    for guest in &mut guests {
        guest.send_arp(ArpOperation::Request, [0xff; 6], GATEWAY);
        guest.find(PATIENCE, |frame| (frame[6..12] == GATEWAY_MAC).then_some(())).unwrap();
    }
    let to = guests[1].mac;
    guests[0].send_frame(to, TEST, b"known");
    assert_eq!(next(&mut guests[1], PATIENCE).unwrap(), b"known");
    assert_eq!(next(&mut guests[2], SILENCE), None);
    guests[0].send_frame([2, 0, 0, 0, 0, 9], TEST, b"unknown");
    guests[0].send_frame([0x33, 0x33, 0, 0, 0, 1], TEST, b"group");
    guests[0].send_frame([0xff; 6], TEST, b"all");
    for guest in &mut guests[1..] {
        for expected in [&b"unknown"[..], b"group", b"all"] {
            assert_eq!(next(guest, PATIENCE).unwrap(), expected);
        }
    }
    assert_eq!(next(&mut guests[0], SILENCE), None);
}

#[test]
fn nobody_takes_the_gateways_address() {
    let daemon = Daemon::start(&[]);
    let mut thief = Guest::plug(&daemon, 1, 1);
    let mut victim = Guest::plug(&daemon, 2, 3);
    thief.mac = GATEWAY_MAC;
    thief.ip = GATEWAY;
    thief.announce();
    thief.mac = [0x52, 0x55, 0x55, 0, 0, 1];
    victim.send_arp(ArpOperation::Request, [0xff; 6], GATEWAY);
    let sender =
        |frame: &[u8]| (frame[12..14] == [8, 6] && frame[21] == 2).then(|| frame[6..12].to_vec());
    assert_eq!(victim.find(PATIENCE, sender), Some(GATEWAY_MAC.to_vec()));
    assert!(!daemon.api("GET", "/cam", "").1.contains("5a:94:ef"));
}

#[test]
fn nobody_takes_the_address_of_a_vm_that_is_there_or_keeps_that_of_one_that_comes() {
    let daemon = Daemon::start(&[]);
    let (mut thief, mut other) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 3, 4));
    let own = thief.mac;
    // Before the victim is there, and while it is.
    let mac = [0x52, 0x55, 0x55, 0, 0, 2];
    thief.mac = mac;
    thief.send_frame([0xff; 6], TEST, b"mine");
    assert_eq!(next(&mut other, PATIENCE).unwrap(), b"mine");
    let mut victim = Guest::plug(&daemon, 2, 3);
    victim.send_frame([0xff; 6], TEST, b"no, mine");
    assert_eq!(next(&mut other, PATIENCE).unwrap(), b"no, mine");
    thief.send_frame(other.mac, TEST, b"mine again");
    thief.mac = own;
    thief.send_frame(other.mac, TEST, b"as itself");
    assert_eq!(next(&mut other, PATIENCE).unwrap(), b"as itself");
    other.send_frame(mac, TEST, b"for the victim");
    assert_eq!(next(&mut victim, PATIENCE).unwrap(), b"for the victim");
    // The broadcast before was for all.
    assert_eq!(next(&mut thief, PATIENCE).unwrap(), b"no, mine");
    assert_eq!(next(&mut thief, SILENCE), None);
}

#[test]
fn a_slow_vm_holds_nobody_up_and_gets_whole_frames() {
    let daemon = Daemon::start(&[]);
    let (mut sender, mut slow, mut quick) =
        (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3), Guest::plug(&daemon, 3, 4));
    for guest in [&mut slow, &mut quick] {
        guest.send_arp(ArpOperation::Request, [0xff; 6], GATEWAY);
        guest.find(PATIENCE, |frame| (frame[6..12] == GATEWAY_MAC).then_some(())).unwrap();
    }
    let (to_slow, to_quick) = (slow.mac, quick.mac);
    // 12 MB for one that doesn't read: more than the sockets and the queue hold.
    for n in 0..8000u32 {
        sender.send_frame(to_slow, TEST, &[&n.to_be_bytes()[..], &[7; 1496]].concat());
    }
    sender.send_frame(to_quick, TEST, b"quick");
    assert_eq!(next(&mut quick, PATIENCE).unwrap(), b"quick");
    let mut numbers = Vec::new();
    while let Some(data) = next(&mut slow, SILENCE) {
        assert!(data.len() == 1500 && data[4..].iter().all(|byte| *byte == 7));
        numbers.push(u32::from_be_bytes(*data.first_chunk().unwrap()));
    }
    assert!(numbers.is_sorted() && numbers.len() > 500, "{}", numbers.len());
    assert!(numbers.len() < 8000, "nothing was dropped: the queue has no bound");
    assert!(daemon.private() < 40 << 10, "{} KiB", daemon.private());
}

#[test]
fn what_waits_for_many_slow_vms_is_bounded() {
    const MANY: u8 = 200;
    let daemon = Daemon::start(&[]);
    let mut sender = Guest::plug(&daemon, 1, 1);
    let (mut slow, frame) = (Vec::new(), [7; 1500]);
    // Some are there early, and all that waits for them still does when the others come.
    for many in [60, MANY] {
        for n in slow.len() as u8..many {
            let mut guest = Guest::plug(&daemon, 10 + n, 10 + n);
            assert!(guest.is_heard(PATIENCE));
            slow.push(guest);
        }
        // 3 MB for each: more than the sockets and one queue hold.
        (0..2000).for_each(|_| sender.send_frame([0xff; 6], TEST, &frame));
    }
    // All of it was switched when this comes.
    let mut last = Guest::plug(&daemon, 5, 5);
    sender.send_frame([0xff; 6], TEST, b"last");
    until_last(&mut last);
    let private = daemon.private();
    println!("{} MiB for {MANY} slow VMs", private >> 10);
    assert!(private < (128 + 20) << 10, "{private} KiB");
    assert!(private > 60 << 10, "nothing waits: {private} KiB");
}

fn until_last(guest: &mut Guest) {
    while next(guest, PATIENCE).expect("the last frame comes") != b"last" {}
}

#[test]
fn frames_as_long_as_the_mtu_pass_and_longer_ones_do_not() {
    for mtu in ["576", "1500", "65520"] {
        let daemon = Daemon::start(&["--mtu", mtu]);
        let (mut a, mut b) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
        let mtu: usize = mtu.parse().unwrap();
        // A tag of a VLAN may come on top.
        a.send_frame(b.mac, TEST, &vec![1; mtu + 4]);
        assert_eq!(next(&mut b, PATIENCE).unwrap().len(), mtu + 4);
        if mtu < 65_520 {
            a.send_frame(b.mac, TEST, &vec![1; mtu + 5]);
            assert_eq!(next(&mut b, SILENCE), None);
        }
    }
}

#[test]
fn what_is_no_frame_costs_its_sender_the_cable() {
    let daemon = Daemon::start(&[]);
    let mut other = Guest::plug(&daemon, 2, 3);
    for garbage in [&[0xff; 64][..], &[0, 1, 0x10, 1]] {
        let mut guest = Guest::plug(&daemon, 1, 1);
        guest.stream.write_all(garbage).unwrap();
        assert_eq!(guest.find(PATIENCE, |_| None::<()>), None);
        guest.stream.set_nonblocking(true).unwrap();
        let end = std::io::Read::read(&mut guest.stream, &mut [0; 1]);
        assert_eq!(end.unwrap(), 0);
    }
    for length in 0..14 {
        other.send_raw(&vec![0; length]);
    }
    other.send_arp(ArpOperation::Request, [0xff; 6], GATEWAY);
    assert!(other.find(PATIENCE, |frame| (frame[6..12] == GATEWAY_MAC).then_some(())).is_some());
}

#[test]
fn a_frame_that_is_too_long_is_dropped_and_its_sender_stays() {
    let daemon = Daemon::start(&[]);
    let (mut a, mut b) = (Guest::plug(&daemon, 1, 1), Guest::plug(&daemon, 2, 3));
    // 65,538 is the longest of any link, 69,632 the longest that QEMU lets through.
    for length in [65_538, 65_539, 69_632] {
        a.send_frame(b.mac, TEST, &vec![1; length - 14]);
        a.send_frame(b.mac, TEST, b"after it");
        assert_eq!(next(&mut b, PATIENCE).unwrap(), b"after it", "{length}");
    }
}

#[test]
fn a_descriptor_that_is_handed_over_is_a_port() {
    let daemon = Daemon::start(&[]);
    let mut quick = Guest::plug(&daemon, 2, 3);
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let client = UnixStream::connect(daemon.path("fd.sock")).unwrap();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [theirs.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(&client, &[IoSlice::new(&[0])], &mut control, SendFlags::empty()).unwrap();
    drop(client);
    let mac = [0x52, 0x55, 0x55, 0, 0, 1];
    let frame = |to: [u8; 6], data: &[u8]| [&to[..], &mac, &[0x88, 0xb5], data].concat();
    ours.send(&frame(quick.mac, b"over a datagram")).unwrap();
    assert_eq!(next(&mut quick, PATIENCE).unwrap(), b"over a datagram");
    quick.send_frame(mac, TEST, b"and back");
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = vec![0; 2000];
    let count = loop {
        let count = ours.recv(&mut answer).unwrap();
        if answer[12..14] == [0x88, 0xb5] {
            break count;
        }
    };
    assert_eq!(&answer[14..count], b"and back");
}
