//! What only the daemon of a `user-v2` network can do: another MTU, more destinations, names.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::network::error;
use crate::{FieldError, NetworkMode, NetworkSpec};

/// The shortest that every host takes (RFC 791), and the longest for which an Ethernet frame with
/// its length before it still fits the daemon's framing, as in Lima.
const MTU: std::ops::RangeInclusive<u16> = 576..=65_520;
/// The longest name (RFC 1035).
const LONGEST_NAME: usize = 253;

/// What guests of a user-v2 network do not reach unless it is allowed: see docs/networks.md. The
/// daemon's own list is compared with this one by a test of its crate.
pub const DENIED: [(Ipv4Addr, u8); 5] = [
    (Ipv4Addr::LOCALHOST, 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(100, 100, 100, 200), 32),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(192, 0, 0, 192), 32),
];

pub(super) fn check(spec: &NetworkSpec, errors: &mut Vec<FieldError>) {
    if spec.mode != NetworkMode::UserV2 {
        return foreign(spec, errors);
    }
    if let Some(mtu) = spec.mtu.filter(|mtu| !MTU.contains(mtu)) {
        let hint = "write a number of bytes between 576 and 65520";
        errors.push(error("mtu", format!("{mtu} is no usable MTU"), hint));
    }
    for (index, text) in spec.allow.iter().enumerate() {
        allowed(&format!("allow[{index}]"), text, errors);
    }
    for (name, target) in &spec.hosts {
        host(name, target, errors);
    }
}

/// Others have no daemon of ours that could do it.
fn foreign(spec: &NetworkSpec, errors: &mut Vec<FieldError>) {
    let given = [
        ("mtu", spec.mtu.is_some()),
        ("allow", !spec.allow.is_empty()),
        ("hosts", !spec.hosts.is_empty()),
    ];
    for (field, _) in given.into_iter().filter(|(_, given)| *given) {
        let message = format!("a {} network has no `{field}`", spec.mode.word());
        errors.push(error(field, message, "remove it, or use mode user-v2"));
    }
}

fn allowed(field: &str, text: &str, errors: &mut Vec<FieldError>) {
    let Some(net) = NetworkSpec::allowed_net(text) else {
        let hint = "write an IPv4 address, or a network such as 169.254.0.0/16";
        return errors.push(error(field, format!("{text:?} is no address and no network"), hint));
    };
    let denied = DENIED.iter().filter_map(|(address, bits)| Ipv4Net::new(*address, *bits).ok());
    let meets = |denied: Ipv4Net| {
        net.contains(&denied.network()) || denied.trunc().contains(&net.network())
    };
    if !denied.into_iter().any(meets) {
        let hint = "remove it: what is denied and can be allowed is in docs/networks.md";
        let message = match net.network().octets()[0] {
            0 | 224.. => format!("{text} is no address of one host, and cannot be reached"),
            _ => format!("{text} is not denied, so there is nothing to allow"),
        };
        errors.push(error(field, message, hint));
    }
}

fn host(name: &str, target: &str, errors: &mut Vec<FieldError>) {
    // A name has dots, which a path cannot have.
    let field = "hosts";
    if !is_host(name) {
        let hint = "write one such as db.test";
        return errors.push(error(field, format!("{name:?} is no name of a host"), hint));
    }
    let plain = name.trim_end_matches('.').to_ascii_lowercase();
    let own = plain == "host.lima.internal"
        || (plain.starts_with("lima-") && plain.ends_with(".internal"));
    if own {
        let hint = "choose another name";
        return errors.push(error(field, format!("{name} is the network's own"), hint));
    }
    if target.parse::<Ipv4Addr>().is_err() && !is_host(target) {
        let hint = "write an IPv4 address, or the name that it stands for";
        let message = format!("{target:?} is neither an IPv4 address nor a name");
        errors.push(error(field, message, hint));
    }
}

/// Letters, digits, hyphens and underscores between dots; all digits would be an address.
fn is_host(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-')
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= LONGEST_NAME && name.split('.').all(label) && !number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(yaml: &str) -> Vec<String> {
        let spec: NetworkSpec = serde_yaml::from_str(yaml).expect("a network");
        let mut errors = Vec::new();
        check(&spec, &mut errors);
        errors.into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn what_works_is_fine() {
        for fine in [
            "{mtu: 576}",
            "{mtu: 65520, allow: [169.254.169.254, 127.0.0.0/8, 0.0.0.0/0]}",
            "{hosts: {db.test: 10.0.0.9, alias: db.test, _x.internal.: Host.lima.internal.}}",
            "{mode: shared}",
        ] {
            assert_eq!(broken(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (wrong, field) in [
            ("{mtu: 575}", "mtu"),
            ("{mtu: 65521}", "mtu"),
            ("{allow: [x]}", "allow[0]"),
            ("{allow: [127.0.0.1, 'fe80::/10']}", "allow[1]"),
            ("{allow: [10.0.0.0/8]}", "allow[0]"),
            ("{allow: [224.0.0.1]}", "allow[0]"),
            ("{hosts: {a b: 10.0.0.1}}", "hosts"),
            ("{hosts: {1.2.3.4: 10.0.0.1}}", "hosts"),
            ("{hosts: {Host.lima.internal: 10.0.0.1}}", "hosts"),
            ("{hosts: {lima-db.internal: 10.0.0.1}}", "hosts"),
            ("{hosts: {db: 'fe80::1'}}", "hosts"),
            ("{hosts: {db: 10.0.0.256}}", "hosts"),
            ("{mode: shared, mtu: 9000}", "mtu"),
            ("{mode: bridged, allow: [127.0.0.1]}", "allow"),
            ("{mode: host, hosts: {a: b}}", "hosts"),
        ] {
            assert_eq!(broken(wrong), [format!("spec.{field}")], "{wrong}");
        }
    }

    #[test]
    fn several_forms_of_one_definition_are_one() {
        let spec = |yaml: &str| serde_yaml::from_str::<NetworkSpec>(yaml).expect("a network");
        let long = spec("{gateway: 10.7.0.1, mtu: 1500, allow: [169.254.169.254, 127.0.0.9/8]}");
        let short =
            spec("{gateway: 10.7.0.1, allow: [127.0.0.0/8, 127.0.0.0/8, 169.254.169.254/32]}");
        assert_eq!(long.clone().filled(), short.filled());
        assert_eq!(long.filled().limas(), spec("{gateway: 10.7.0.1}").filled());
    }

    #[test]
    fn only_hosts_change_live() {
        let spec = |yaml: &str| serde_yaml::from_str::<NetworkSpec>(yaml).expect("a network");
        let old = spec("{gateway: 10.7.0.1, hosts: {a: b}}");
        assert!(spec("{gateway: 10.7.0.1, hosts: {a: c}}").is_live_change_of(&old));
        assert!(!spec("{gateway: 10.7.0.1, mtu: 9000, hosts: {a: b}}").is_live_change_of(&old));
        assert!(!spec("{gateway: 10.7.1.1}").is_live_change_of(&old));
    }
}
