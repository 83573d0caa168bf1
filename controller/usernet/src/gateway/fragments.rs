//! Puts packets together that came in parts (RFC 791).

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use smoltcp::wire::{IpProtocol, Ipv4Packet};

use crate::share::may_have_more;
use crate::switch::PortId;
use crate::wire::packet::IP;

/// Packets of one VM whose parts are kept at once; the oldest gives way.
const MOST: usize = 32;

/// Bytes that are kept for all VMs.
const TOTAL: usize = 16 << 20;

/// What a part costs besides its bytes.
const PART: usize = 64;

/// Parts of one packet: at the smallest MTU of IPv4 a datagram of 64 KiB has 1,366.
const PARTS: usize = 1400;

/// Bytes after the header in the longest packet.
const LONGEST: usize = 65_535 - IP;

/// How long the parts of a packet may take (RFC 1122: at least a minute is for the internet; these
/// come over a cable).
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name {
    from: Ipv4Addr,
    to: Ipv4Addr,
    protocol: IpProtocol,
    ident: u16,
}

#[derive(Debug)]
struct Partial {
    since: Duration,
    header: Vec<u8>,
    parts: Vec<(usize, Vec<u8>)>,
    /// Known since the last part came.
    total: Option<usize>,
    /// What is kept of it.
    bytes: usize,
}

/// Packets of which something is missing, by who sends them: what one VM begins and never ends
/// pushes out no other's, unless that has more than its share.
#[derive(Debug, Default)]
pub struct Fragments {
    of_port: HashMap<PortId, Sender>,
    bytes: usize,
}

/// Those of one VM.
#[derive(Debug, Default)]
struct Sender {
    partial: HashMap<Name, Partial>,
    bytes: usize,
}

impl Fragments {
    /// Takes a part in; the whole packet, if this was the last missing one. Parts that overlap or
    /// contradict each other are an attack or an error: all of the packet is forgotten (RFC 5722).
    pub fn add(
        &mut self,
        now: Duration,
        port: PortId,
        packet: &Ipv4Packet<&[u8]>,
    ) -> Option<Vec<u8>> {
        let name = Name {
            from: packet.src_addr(),
            to: packet.dst_addr(),
            protocol: packet.next_header(),
            ident: packet.ident(),
        };
        self.with(port, |sender| sender.make_room(name, now));
        if !self.make_room(port, name, packet.payload().len() + PART) {
            return None;
        }
        self.with(port, |sender| sender.add(name, now, packet))
    }

    /// Makes room for so many bytes of a VM, whose own oldest packet gives way first, and then that
    /// of the one which has most.
    fn make_room(&mut self, port: PortId, name: Name, bytes: usize) -> bool {
        loop {
            let free = TOTAL.saturating_sub(self.bytes);
            let own = self.of_port.get(&port);
            if bytes <= free && may_have_more(own.map_or(0, |own| own.bytes), free) {
                return true;
            }
            let has_other = own.is_some_and(|own| own.oldest_but(name).is_some());
            let most = || self.of_port.iter().max_by_key(|(_, one)| one.bytes).map(|(id, _)| *id);
            let Some(from) = Some(port).filter(|_| has_other).or_else(most) else { return false };
            if !self.with(from, |sender| sender.drop_oldest_but(name)) {
                return false;
            }
        }
    }

    /// Does something with what is kept of a VM, and keeps count.
    fn with<T>(&mut self, port: PortId, work: impl FnOnce(&mut Sender) -> T) -> T {
        let sender = self.of_port.entry(port).or_default();
        let before = sender.bytes;
        let done = work(sender);
        self.bytes = self.bytes + sender.bytes - before;
        if sender.partial.is_empty() {
            self.of_port.remove(&port);
        }
        done
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.of_port.is_empty()
    }

    /// Forgets what took too long.
    pub fn sweep(&mut self, now: Duration) {
        let ports: Vec<_> = self.of_port.keys().copied().collect();
        ports.into_iter().for_each(|port| self.with(port, |sender| sender.sweep(now)));
    }

    /// A port is no more.
    pub fn forget(&mut self, port: PortId) {
        self.with(port, |sender| *sender = Sender::default());
    }
}

impl Sender {
    fn sweep(&mut self, now: Duration) {
        self.partial.retain(|_, partial| partial.is_fresh(now));
        self.bytes = self.partial.values().map(|partial| partial.bytes).sum();
    }

    fn remove(&mut self, name: Name) -> bool {
        let removed = self.partial.remove(&name);
        self.bytes -= removed.as_ref().map_or(0, |partial| partial.bytes);
        removed.is_some()
    }

    /// Makes room for a part of the packet of this name.
    fn make_room(&mut self, name: Name, now: Duration) {
        self.sweep(now);
        if self.partial.len() >= MOST && !self.partial.contains_key(&name) {
            self.drop_oldest_but(name);
        }
    }

    fn oldest_but(&self, name: Name) -> Option<Name> {
        let others = self.partial.iter().filter(|(other, _)| **other != name);
        others.min_by_key(|(_, partial)| partial.since).map(|(oldest, _)| *oldest)
    }

    fn drop_oldest_but(&mut self, name: Name) -> bool {
        self.oldest_but(name).is_some_and(|oldest| self.remove(oldest))
    }

    fn add(&mut self, name: Name, now: Duration, packet: &Ipv4Packet<&[u8]>) -> Option<Vec<u8>> {
        let partial = self.partial.entry(name).or_insert_with(|| Partial::new(now));
        let before = partial.bytes;
        let fits = partial.add(packet);
        self.bytes += partial.bytes - before;
        let whole = if fits { partial.whole()? } else { Vec::new() };
        self.remove(name);
        Some(whole).filter(|whole| !whole.is_empty())
    }
}

impl Partial {
    fn new(since: Duration) -> Self {
        Self { since, header: Vec::new(), parts: Vec::new(), total: None, bytes: 0 }
    }

    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) < PATIENCE
    }

    /// `false` if the part can't belong to any packet.
    fn add(&mut self, packet: &Ipv4Packet<&[u8]>) -> bool {
        let (start, data) = (usize::from(packet.frag_offset()), packet.payload());
        let end = start + data.len();
        let odd = packet.more_frags() && (data.is_empty() || data.len() % 8 != 0);
        if odd || end > LONGEST || self.parts.len() >= PARTS {
            return false;
        }
        let at = self.parts.partition_point(|(other, _)| *other < start);
        let meets_next = self.parts.get(at).is_some_and(|(other, _)| *other < end);
        let meets_last = at > 0 && {
            let (other, data) = &self.parts[at - 1];
            other + data.len() > start
        };
        if self.parts.get(at).is_some_and(|(other, old)| *other == start && old == data) {
            // The same once more: harmless.
            return true;
        }
        if meets_next || meets_last || self.total.is_some_and(|total| end > total) {
            return false;
        }
        if !packet.more_frags() {
            if self.total.is_some() || self.parts.last().is_some_and(|(other, _)| *other > start) {
                return false;
            }
            self.total = Some(end);
        }
        if start == 0 {
            self.header = packet.clone().into_inner()[..usize::from(packet.header_len())].to_vec();
        }
        self.bytes += data.len() + PART;
        self.parts.insert(at, (start, data.to_vec()));
        true
    }

    fn whole(&self) -> Option<Vec<u8>> {
        let mut end = 0;
        for (start, data) in &self.parts {
            if *start != end {
                return None;
            }
            end += data.len();
        }
        if self.total != Some(end) || self.header.len() + end > usize::from(u16::MAX) {
            return None;
        }
        let mut whole = self.header.clone();
        self.parts.iter().for_each(|(_, data)| whole.extend_from_slice(data));
        let length = u16::try_from(whole.len()).ok()?;
        let mut packet = Ipv4Packet::new_unchecked(&mut whole[..]);
        packet.set_total_len(length);
        packet.set_more_frags(false);
        packet.set_frag_offset(0);
        packet.fill_checksum();
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use smoltcp::wire::{IpProtocol, Ipv4Packet};

    use super::Fragments;
    use crate::wire::Mac;
    use crate::wire::frames::{ETHERNET, Frames, PREFIX};
    use crate::wire::packet::{self, Ip, Link};

    fn parts(ident: u16, length: usize) -> Vec<Vec<u8>> {
        let link = Link { to: Mac([2; 6]), mtu: 576, ident };
        let ip = Ip { from: [1; 4].into(), to: [2; 4].into(), protocol: IpProtocol::Udp };
        let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let mut out = Vec::new();
        packet::ip(&mut out, link, ip, &payload);
        let (mut frames, mut all) = (Frames::new(&out), Vec::new());
        while let Some(range) = frames.next_range().unwrap() {
            all.push(out[range][PREFIX + ETHERNET..].to_vec());
        }
        all
    }

    fn add(fragments: &mut Fragments, part: &[u8]) -> Option<Vec<u8>> {
        fragments.add(Duration::ZERO, 1, &Ipv4Packet::new_checked(part).unwrap())
    }

    #[test]
    fn parts_in_any_order_make_the_packet() {
        let mut fragments = Fragments::default();
        let parts = parts(1, 3000);
        let (first, rest) = parts.split_first().unwrap();
        for part in rest.iter().rev() {
            assert_eq!(add(&mut fragments, part), None);
            assert_eq!(add(&mut fragments, part), None, "twice is harmless");
        }
        let whole = add(&mut fragments, first).unwrap();
        let packet = Ipv4Packet::new_checked(&whole[..]).unwrap();
        assert!(packet.verify_checksum());
        assert!(packet.payload().iter().enumerate().all(|(n, byte)| *byte == n as u8));
        assert_eq!(packet.payload().len(), 3000);
        assert!(fragments.is_empty());
    }

    #[test]
    fn overlapping_parts_are_refused_and_memory_is_bounded() {
        let mut fragments = Fragments::default();
        let mut twisted = parts(1, 3000);
        add(&mut fragments, &twisted[0]);
        let mut second = Ipv4Packet::new_unchecked(&mut twisted[1][..]);
        second.set_frag_offset(8);
        second.fill_checksum();
        assert_eq!(add(&mut fragments, &twisted[1].clone()), None);
        assert!(fragments.is_empty());
        for ident in 0..1000 {
            add(&mut fragments, &parts(ident, 3000)[1]);
        }
        assert_eq!(fragments.of_port[&1].partial.len(), super::MOST);
        fragments.sweep(Duration::from_secs(16));
        assert!(fragments.is_empty() && fragments.bytes == 0);
    }

    #[test]
    fn what_all_vms_begin_is_bounded_and_each_has_a_share() {
        let mut fragments = Fragments::default();
        let begun: Vec<_> = (0..32).map(|ident| parts(ident, 60_000)).collect();
        for port in 0..10 {
            for parts in &begun {
                for part in &parts[1..] {
                    fragments.add(
                        Duration::ZERO,
                        port,
                        &Ipv4Packet::new_checked(&part[..]).unwrap(),
                    );
                }
            }
            assert!(fragments.bytes <= super::TOTAL);
        }
        let parts = parts(99, 3000);
        let mut whole = None;
        for part in &parts {
            whole = fragments.add(Duration::ZERO, 99, &Ipv4Packet::new_checked(&part[..]).unwrap());
        }
        assert_eq!(whole.map(|whole| whole.len()), Some(3020));
        (0..10).for_each(|port| fragments.forget(port));
        assert!(fragments.is_empty() && fragments.bytes == 0);
    }
}
