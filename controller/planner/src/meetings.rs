//! Which of many claims to places on the host meet.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use limekiln_api::lima::{HostPlace, Protocol};

/// A claim to a place.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Whose: claims of one owner do not count against each other.
    pub(crate) owner: usize,
    /// To what.
    pub(crate) place: HostPlace,
    /// Whether it is taken as soon as the owner runs.
    pub(crate) always: bool,
}

/// Other owners' claims to what a claim is to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rivals {
    /// One that is taken as soon as its owner runs.
    pub(crate) always: Option<usize>,
    /// One that may never be.
    pub(crate) perhaps: Option<usize>,
}

/// For each claim its rivals. Claims are gone through by their first ports, once each way, and of
/// those seen at a place only the two that reach farthest are kept: time grows with their number,
/// whatever meets.
pub(crate) fn rivals(claims: &[Claim]) -> Vec<Rivals> {
    let mut order: Vec<_> = (0..claims.len()).collect();
    order.sort_by_key(|claim| ends(&claims[*claim]).0);
    let mut found = vec![Rivals::default(); claims.len()];
    // Of those that begin earlier, one that ends late is met; of the others, one that begins early.
    let later = |claim: &Claim| i64::from(ends(claim).1);
    let earlier = |claim: &Claim| -i64::from(ends(claim).0);
    sweep(claims, order.iter().copied(), later, &mut found);
    sweep(claims, order.iter().rev().copied(), earlier, &mut found);
    found
}

fn sweep(
    claims: &[Claim],
    order: impl Iterator<Item = usize>,
    reach: impl Fn(&Claim) -> i64,
    found: &mut [Rivals],
) {
    let mut seen: HashMap<(bool, Spot), Farthest> = HashMap::new();
    for index in order {
        let claim = &claims[index];
        let spots = asks(&claim.place);
        let rival = |always| {
            let known = spots.iter().filter_map(|spot| seen.get(&(always, spot.clone())));
            let mut others = known.filter_map(|known| known.of_another(claims, claim.owner));
            others.find(|other| overlap(&claims[*other], claim))
        };
        let (always, perhaps) = (rival(true), rival(false));
        found[index].always = found[index].always.or(always);
        found[index].perhaps = found[index].perhaps.or(perhaps);
        for spot in enters(&claim.place) {
            let farthest = seen.entry((claim.always, spot)).or_default();
            farthest.add(claims, index, &reach);
        }
    }
}

/// The claims that reach farthest: of all, and of all other owners.
#[derive(Clone, Copy, Default)]
struct Farthest {
    first: Option<usize>,
    of_others: Option<usize>,
}

impl Farthest {
    fn add(&mut self, claims: &[Claim], index: usize, reach: impl Fn(&Claim) -> i64) {
        // Of equals the one that was named first.
        let key = |index: usize| (reach(&claims[index]), usize::MAX - index);
        let beats = |known: Option<usize>| known.is_none_or(|known| key(index) > key(known));
        let same = |known: usize| claims[known].owner == claims[index].owner;
        match self.first {
            Some(first) if !same(first) => {
                if beats(Some(first)) {
                    self.of_others = self.first.replace(index);
                } else if beats(self.of_others) {
                    self.of_others = Some(index);
                }
            }
            first => {
                if beats(first) {
                    self.first = Some(index);
                }
            }
        }
    }

    fn of_another(&self, claims: &[Claim], owner: usize) -> Option<usize> {
        let first = self.first.filter(|first| claims[*first].owner != owner);
        first.or(self.of_others)
    }
}

/// Where claims that meet are looked for.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Spot {
    At(Protocol, IpAddr),
    AnyIpv4(Protocol),
    Any(Protocol),
    Socket(PathBuf),
}

const ALL_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const ALL: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Who listens on `::` listens on IPv4's addresses, too.
fn asks(place: &HostPlace) -> Vec<Spot> {
    match place {
        HostPlace::Socket(path) => vec![Spot::Socket(path.clone())],
        HostPlace::Ports { protocol, ip: ALL, .. } => vec![Spot::Any(*protocol)],
        HostPlace::Ports { protocol, ip: ALL_IPV4, .. } => {
            vec![Spot::AnyIpv4(*protocol), Spot::At(*protocol, ALL)]
        }
        HostPlace::Ports { protocol, ip, .. } => {
            let all = ip.is_ipv4().then_some(Spot::At(*protocol, ALL_IPV4));
            let own = [Spot::At(*protocol, *ip), Spot::At(*protocol, ALL)];
            own.into_iter().chain(all).collect()
        }
    }
}

fn enters(place: &HostPlace) -> Vec<Spot> {
    match place {
        HostPlace::Socket(path) => vec![Spot::Socket(path.clone())],
        HostPlace::Ports { protocol, ip, .. } => {
            let ipv4 = ip.is_ipv4().then_some(Spot::AnyIpv4(*protocol));
            [Spot::At(*protocol, *ip), Spot::Any(*protocol)].into_iter().chain(ipv4).collect()
        }
    }
}

/// A socket is a single port, so to speak.
fn ends(claim: &Claim) -> (u16, u16) {
    match claim.place {
        HostPlace::Ports { first, last, .. } => (first, last),
        HostPlace::Socket(_) => (0, 0),
    }
}

fn overlap(one: &Claim, two: &Claim) -> bool {
    let ((first, last), (from, to)) = (ends(one), ends(two));
    first <= to && from <= last
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn claim() -> impl Strategy<Value = Claim> {
        const IPS: [&str; 5] = ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1"];
        let ip = prop::sample::select(&IPS[..]).prop_map(|ip| ip.parse().expect("an address"));
        let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
        let ports = (protocol, ip, 1u16..12, 0u16..5).prop_map(|(protocol, ip, first, more)| {
            HostPlace::Ports { protocol, ip, first, last: first + more }
        });
        let socket = prop::sample::select(&["/a", "/b", "/b/."][..]);
        let place =
            prop_oneof![8 => ports, 1 => socket.prop_map(|at| HostPlace::Socket(at.into()))];
        (0usize..4, place, any::<bool>()).prop_map(|(owner, place, always)| Claim {
            owner,
            place,
            always,
        })
    }

    /// Said pair by pair.
    fn meet(one: &Claim, two: &Claim) -> bool {
        let wide = |ip: &IpAddr, of: &IpAddr| *ip == ALL || (*ip == ALL_IPV4 && of.is_ipv4());
        let same = match (&one.place, &two.place) {
            (HostPlace::Socket(one), HostPlace::Socket(two)) => one == two,
            (
                HostPlace::Ports { protocol: a, ip: one, .. },
                HostPlace::Ports { protocol: b, ip: two, .. },
            ) => a == b && (one == two || wide(one, two) || wide(two, one)),
            _ => false,
        };
        same && one.owner != two.owner && overlap(one, two)
    }

    proptest! {
        #[test]
        fn whoever_meets_has_a_rival_and_nobody_else(claims in vec(claim(), 0..12)) {
            for (index, rivals) in rivals(&claims).into_iter().enumerate() {
                for (always, rival) in [(true, rivals.always), (false, rivals.perhaps)] {
                    let meets = |other: &Claim| other.always == always && meet(&claims[index], other);
                    let any = claims.iter().any(meets);
                    prop_assert_eq!(rival.is_some(), any);
                    prop_assert!(rival.is_none_or(|rival| meets(&claims[rival])));
                }
            }
        }
    }

    /// Pair by pair it would be fifty million comparisons.
    #[test]
    fn ten_thousand_that_meet_are_told_apart_in_little_time() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let place = HostPlace::Ports { protocol: Protocol::Tcp, ip, first: 80, last: 90 };
        let claim = |owner| Claim { owner, place: place.clone(), always: true };
        let claims: Vec<_> = (0..10_000).map(claim).collect();
        let begun = std::time::Instant::now();
        assert!(rivals(&claims).iter().all(|rivals| rivals.always.is_some()));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
