//! Lima's rules, one by one, and what holds for all of them.

use limekiln_api::lima::{Int, PortForward, Proto};
use limekiln_api::{Lima, read_lima};
use proptest::prelude::*;

use super::*;

/// Rules as somebody writes them, with Lima's defaults.
fn rules(yaml: &str) -> Rules {
    let mut lima = read_lima(&format!("portForwards:\n{yaml}")).unwrap();
    fill(&mut lima);
    Rules::new(&lima, 60022, false)
}

/// What the api crate fills in, without the rest of an instance.
fn fill(lima: &mut Lima) {
    let facts = crate::spec::host_facts(std::path::Path::new("/nowhere")).unwrap();
    let name = limekiln_api::Name::new("it").unwrap();
    let filled = limekiln_api::fill_as(lima, &name, &facts, &limekiln_api::LimaVersion::current());
    lima.port_forwards = filled.port_forwards;
}

fn listener(text: &str) -> GuestListener {
    let (protocol, address) = text.split_once(' ').unwrap();
    let protocol = if protocol == "udp" { GuestProtocol::Udp } else { GuestProtocol::Tcp };
    GuestListener { protocol, address: address.parse().unwrap() }
}

/// `host` for what is forwarded, `-` for what is not, `static`.
fn decided(rules: &Rules, text: &str) -> String {
    match rules.decide(&listener(text)) {
        Decision::Forward(end) => end.to_string(),
        Decision::Leave { tell: true } => "-".to_owned(),
        Decision::Leave { tell: false } => "silent".to_owned(),
        Decision::Static => "static".to_owned(),
    }
}

fn check(yaml: &str, cases: &[(&str, &str)]) {
    let rules = rules(yaml);
    for (listener, wanted) in cases {
        assert_eq!(decided(&rules, listener), *wanted, "{listener} with\n{yaml}");
    }
}

#[test]
fn by_default_what_is_local_gets_the_same_port() {
    check(
        " []",
        &[
            ("tcp 127.0.0.1:80", "127.0.0.1:80"),
            ("udp 127.0.0.1:53", "127.0.0.1:53"),
            ("tcp 0.0.0.0:80", "127.0.0.1:80"),
            ("tcp [::]:80", "127.0.0.1:80"),
            ("tcp [::1]:80", "127.0.0.1:80"),
            ("tcp 192.168.5.15:80", "-"),
            ("tcp 127.0.0.2:80", "-"),
            ("tcp 0.0.0.0:22", "-"),
            ("tcp 192.168.5.15:22", "-"),
            ("tcp 127.0.0.1:60022", "-"),
        ],
    );
}

#[test]
fn zero_alone_means_zero_only() {
    check(
        "- {guestIP: 0.0.0.0, hostIP: 0.0.0.0, guestPort: 80}",
        &[
            ("tcp 0.0.0.0:80", "0.0.0.0:80"),
            ("tcp [::]:80", "0.0.0.0:80"),
            ("tcp 127.0.0.1:80", "127.0.0.1:80"),
            ("tcp 192.168.5.15:80", "-"),
        ],
    );
    check(
        "- {guestIP: 0.0.0.0, guestIPMustBeZero: false, hostIP: 0.0.0.0, guestPort: 80}",
        &[
            ("tcp 0.0.0.0:80", "0.0.0.0:80"),
            ("tcp 127.0.0.1:80", "0.0.0.0:80"),
            ("tcp 192.168.5.15:80", "0.0.0.0:80"),
            ("tcp 192.168.5.15:81", "-"),
        ],
    );
}

#[test]
fn ranges_shift_and_the_first_rule_wins() {
    check(
        "- {guestPort: 8001, hostPort: 7}\n- {guestPortRange: [8000, 8009], hostPortRange: [9000, 9009], proto: tcp}",
        &[
            ("tcp 127.0.0.1:8000", "127.0.0.1:9000"),
            ("tcp 127.0.0.1:8009", "127.0.0.1:9009"),
            ("tcp 127.0.0.1:8001", "127.0.0.1:7"),
            ("tcp 127.0.0.1:8010", "127.0.0.1:8010"),
            ("udp 127.0.0.1:8000", "127.0.0.1:8000"),
        ],
    );
}

#[test]
fn what_is_ignored_stops_the_search_unless_it_also_listens_elsewhere() {
    check(
        "- {guestPort: 80, ignore: true}",
        &[("tcp 127.0.0.1:80", "-"), ("tcp 0.0.0.0:80", "127.0.0.1:80"), ("tcp [::1]:80", "-")],
    );
    check(
        "- {guestIP: 0.0.0.0, guestIPMustBeZero: false, guestPort: 80, ignore: true}",
        &[("tcp 0.0.0.0:80", "-"), ("tcp 127.0.0.1:80", "-")],
    );
    let all = "- {guestIP: 0.0.0.0, guestIPMustBeZero: false, proto: udp, ignore: true}";
    check(all, &[("udp 0.0.0.0:53", "silent"), ("tcp 0.0.0.0:53", "127.0.0.1:53")]);
}

#[test]
fn sockets_and_static_rules() {
    let yaml = "\
- {guestPort: 80, hostSocket: /tmp/web.sock}
- {guestSocket: /run/a.sock, hostSocket: /tmp/a.sock}
- {guestSocket: /run/b.sock, hostSocket: /tmp/b.sock, reverse: true}
- {guestPort: 90, hostPort: 91, static: true}
- {guestPortRange: [100, 101], proto: udp, static: true}
- {guestSocket: /run/c.sock, hostSocket: /tmp/c.sock, ignore: true}";
    check(yaml, &[("tcp 127.0.0.1:80", "/tmp/web.sock"), ("tcp 192.168.5.15:90", "static")]);
    let wanted = wanted(&rules(yaml), &BTreeSet::new());
    let lines: Vec<String> = wanted
        .forwards
        .values()
        .map(|forward| {
            let Forward { protocol, guest, host, reverse, carrier } = forward;
            let arrow = if *reverse { "->" } else { "<-" };
            format!("{} {guest} {arrow} {host} {carrier:?}", protocol.word())
        })
        .collect();
    let expected = [
        "tcp 127.0.0.1:90 <- 127.0.0.1:91 Ssh",
        "tcp /run/a.sock <- /tmp/a.sock Ssh",
        "udp 127.0.0.1:90 <- 127.0.0.1:91 Tunnel",
        "udp 127.0.0.1:100 <- 127.0.0.1:100 Tunnel",
        "udp 127.0.0.1:101 <- 127.0.0.1:101 Tunnel",
        "tcp /run/b.sock -> /tmp/b.sock Ssh",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_plain_guest_has_only_what_is_static() {
    let lima = Lima {
        plain: Some(true),
        port_forwards: Some(vec![
            PortForward {
                static_: Some(true),
                guest_port_range: Some([Int(5), Int(5)]),
                ..PortForward::default()
            },
            PortForward {
                guest_socket: Some("/a".to_owned()),
                host_socket: Some("/b".to_owned()),
                ..PortForward::default()
            },
        ]),
        ..Lima::default()
    };
    let wanted = wanted(&Rules::new(&lima, 1, false), &[listener("tcp 0.0.0.0:80")].into());
    assert_eq!(wanted.forwards.len(), 1);
    assert!(wanted.forwards.values().all(|forward| forward.carrier == Carrier::Ssh));
}

#[test]
fn of_two_that_want_one_port_the_one_that_answers_most_gets_it() {
    let listeners = ["tcp [::]:80", "tcp 0.0.0.0:80", "tcp [::1]:80"].map(listener).into();
    let wanted = wanted(&rules(" []"), &listeners);
    let forward = wanted.forwards.values().next().unwrap();
    assert_eq!((wanted.forwards.len(), forward.guest.to_string()), (1, "0.0.0.0:80".to_owned()));
    assert_eq!(wanted.refused.len(), 0);
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    let texts = ["127.0.0.1", "0.0.0.0", "::", "::1", "192.168.5.15", "10.1.1.1", "fe80::1"];
    proptest::sample::select(texts.map(|text| text.parse().unwrap()).to_vec())
}

prop_compose! {
    fn any_listener()(udp in any::<bool>(), ip in any_ip(), port in 1..40_u16) -> GuestListener {
        let protocol = if udp { GuestProtocol::Udp } else { GuestProtocol::Tcp };
        GuestListener { protocol, address: SocketAddr::new(ip, port) }
    }
}

prop_compose! {
    fn any_rule()(
        proto in proptest::sample::select(vec![Proto::Tcp, Proto::Udp, Proto::Any]),
        guest_ip in any_ip(), host_ip in any_ip(), zero in any::<bool>(), ignore in any::<bool>(),
        is_static in proptest::bool::weighted(0.1), first in 1..30_u16, length in 0..20_u16, host in 1..65000_u16,
    ) -> PortForward {
        PortForward {
            proto: Some(proto), guest_ip: Some(guest_ip), host_ip: Some(host_ip),
            guest_ip_must_be_zero: Some(zero && guest_ip.is_unspecified()), ignore: Some(ignore), static_: Some(is_static),
            guest_port_range: Some([Int(first.into()), Int((first + length).into())]),
            host_port_range: Some([Int(host.into()), Int((host + length).into())]),
            ..PortForward::default()
        }
    }
}

fn of(list: &[PortForward]) -> Rules {
    Rules::new(&Lima { port_forwards: Some(list.to_vec()), ..Lima::default() }, 60022, false)
}

proptest! {
    /// SSH is nobody's to forward, whatever the rules are.
    #[test]
    fn port_22_is_never_forwarded(list in proptest::collection::vec(any_rule(), 0..6), ip in any_ip()) {
        let ssh = GuestListener { protocol: GuestProtocol::Tcp, address: SocketAddr::new(ip, 22) };
        let decision = of(&list).decide(&ssh);
        prop_assert!(!matches!(decision, Decision::Forward(_)), "{:?}", decision);
    }

    /// A rule behind the one that decides changes nothing; one that cannot match neither.
    #[test]
    fn the_first_that_matches_decides(list in proptest::collection::vec(any_rule(), 1..6), more in any_rule(), listener in any_listener()) {
        let before = of(&list).decide(&listener);
        let last = Rule::new(list.last().unwrap()).unwrap();
        if last.matches(&listener) && !more.static_.unwrap_or_default() {
            let mut longer = list.clone();
            longer.push(more);
            prop_assert_eq!(of(&longer).decide(&listener), before);
        }
    }

    /// Each end is there once, each forward is somebody's, and nobody gets lost.
    #[test]
    fn everybody_is_accounted_for(
        list in proptest::collection::vec(any_rule(), 0..6),
        listeners in proptest::collection::btree_set(any_listener(), 0..60),
    ) {
        let rules = of(&list);
        let wanted = wanted(&rules, &listeners);
        prop_assert_eq!(&super::wanted(&rules, &listeners), &wanted);
        for (key, forward) in &wanted.forwards {
            prop_assert_eq!(key, &forward.key());
            if forward.carrier == Carrier::Tunnel && rules.statics().next().is_none() {
                let GuestEnd::Address(address) = forward.guest else { panic!("a port") };
                let listener = GuestListener { protocol: forward.protocol, address };
                prop_assert!(listeners.contains(&listener));
            }
        }
        for listener in &listeners {
            if let Decision::Forward(host) = rules.decide(listener) {
                let key = ForwardKey::Host(listener.protocol, host);
                prop_assert!(wanted.forwards.contains_key(&key), "{:?}", key);
            }
        }
    }

}

/// A guest says what it likes; a host forwards so many and no more.
#[test]
fn nothing_grows_without_bound() {
    let listener = |port| GuestListener {
        protocol: GuestProtocol::Tcp,
        address: SocketAddr::new([127, 0, 0, 1].into(), port),
    };
    let listeners: BTreeSet<_> = (30..5030).map(listener).collect();
    let wanted = wanted(&of(&[]), &listeners);
    assert_eq!(wanted.forwards.len(), MOST_FORWARDS);
    assert_eq!(wanted.refused.len(), 5000 - MOST_FORWARDS);
}
