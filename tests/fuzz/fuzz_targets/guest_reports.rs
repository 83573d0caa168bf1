//! Any bytes as what a guest reports to its host agent: an `Info` and then `Event`s, each after its
//! length. Without rules of the user's a guest gets only ports of the host's 127.0.0.1 that are its
//! own, and never that of SSH; and nothing grows without bound.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use limekiln_api::Lima;
use limekiln_hostagent::forwards::{GuestEnd, HostEnd, MOST_FORWARDS, Rules, wanted};
use limekiln_hostagent::guest::{MOST_LISTENERS, Reported};
use limekiln_proto::guest::{Event, Info};
use prost::Message;

/// The port on which the host reaches the guest's SSH server.
const SSH: u16 = 60022;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes;
    let Ok(info) = Info::decode_length_delimited(&mut bytes) else { return };
    let mut reported = Reported::all(&info);
    while let Ok(event) = Event::decode_length_delimited(&mut bytes) {
        reported.apply(&event);
    }
    assert!(reported.listeners().len() <= MOST_LISTENERS);
    let wanted = wanted(&Rules::new(&Lima::default(), SSH, false), reported.listeners());
    assert!(wanted.forwards.len() <= MOST_FORWARDS);
    for forward in wanted.forwards.values() {
        let (HostEnd::Address(host), GuestEnd::Address(guest)) = (&forward.host, &forward.guest)
        else {
            panic!("no rule has a socket: {forward:?}");
        };
        assert_eq!((host.ip(), host.port()), (IpAddr::V4(Ipv4Addr::LOCALHOST), guest.port()));
        assert!(![22, SSH].contains(&host.port()), "{forward:?}");
    }
});
