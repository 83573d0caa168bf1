//! What fuzz targets call: the daemon's parsers on any bytes, without a daemon and without a way
//! out. Of no use to anybody else.

use std::net::SocketAddrV4;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use crate::clock::Clock;
use crate::dns::{Target, Upstream, Zones};
use crate::gateway::{Dhcp, Gateway};
use crate::leases::Leases;
use crate::reach::Reach;
use crate::services::Services;
use crate::subnet::Subnet;
use crate::switch::{Batch, Kind, Switch};
use crate::turn::{Network, Turn};
use crate::wire::frames::LONGEST;

/// Takes bytes in as what a VM sends: a stream of frames. A second VM is on the switch, and one
/// connection to the first is open.
///
/// # Panics
/// If a fault is found, or the system has no descriptor left.
pub fn frames(bytes: &[u8]) {
    let subnet = Subnet::new([192, 168, 104, 0].into(), 24).expect("24 bits are few");
    let network = Network { subnet, mtu: 1500, reach: Reach::nothing() };
    let poll = mio::Poll::new().expect("there are descriptors");
    let (services, _tasks, _leases) = Services::new();
    let (mut switch, mut batch) = (Switch::default(), Batch::default());
    let mut gateway = Gateway::new(Dhcp::new(Leases::new(subnet), &[]), 64);
    let mut clock = Clock::start();
    let pairs: Vec<_> =
        (0..3).map(|_| UnixStream::pair().expect("there are descriptors")).collect();
    let [(one, _keep), (two, _too), (dialled, _peer)] =
        <[_; 3]>::try_from(pairs).expect("three were made");
    let port = switch.add(one.into(), Kind::Stream).expect("there is room");
    switch.add(two.into(), Kind::Stream).expect("there is room");
    gateway.dhcp.leases.insert([192, 168, 104, 1].into(), crate::Mac([2; 6]));
    let turn = |switch: &mut Switch, clock: Clock, work: &mut dyn FnMut(&mut Turn<'_>)| {
        let (network, registry, services) = (&network, poll.registry(), &services);
        work(&mut Turn { clock, network, switch, registry, services });
    };
    let guest = SocketAddrV4::new([192, 168, 104, 1].into(), 22);
    let mut dialled = Some(dialled.into());
    turn(&mut switch, clock, &mut |turn| {
        dialled.take().into_iter().for_each(|socket| gateway.dial(turn, guest, socket, None));
    });
    let sorted = batch.sort(&mut switch, port, bytes, LONGEST, |switch, range| {
        turn(switch, clock, &mut |turn| gateway.arrive(turn, port, bytes, range.clone()));
    });
    clock.look();
    turn(&mut switch, clock, &mut |turn| {
        gateway.tcp.deliver(turn, bytes);
        gateway.work(turn);
    });
    assert!(sorted.is_err() || sorted.is_ok_and(|rest| rest <= bytes.len()));
    switch.flush();
}

/// Takes bytes in as a query to the name server.
///
/// # Panics
/// If a fault is found.
pub fn dns(bytes: &[u8]) {
    let alias = ("alias.test".to_owned(), Target::Name("host.lima.internal".to_owned()));
    let zones = Mutex::new(Zones::new([192, 168, 104, 2].into(), vec![alias]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it needs nothing");
    let answer = runtime.block_on(crate::dns::datagram(&zones, &Upstream::Nobody, bytes));
    if let Some(answer) = answer {
        assert!(answer.len() >= 12 && answer.len() <= 4096);
        assert_eq!(answer[..2], bytes[..2], "the query's number");
        assert!(answer[2] & 0x80 != 0, "an answer");
    }
}
