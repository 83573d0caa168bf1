//! The switch: who is behind which port.

use std::collections::{HashMap, HashSet};
use std::io::IoSlice;
use std::os::fd::OwnedFd;

use slab::Slab;

use super::port::Kind;
use super::{Card, Cards, Pool, Port, Refusal};
use crate::wire::Mac;

/// A port's number.
pub type PortId = usize;

/// Hardware addresses learned per port: of a VM that makes up more the oldest give way, but for its
/// card's own, and no other's.
const STATIONS: usize = 64;

/// Ports at once.
pub(super) const PORTS: usize = 1024;

/// Slices handed to the kernel at once (UIO_MAXIOV).
const SLICES: usize = 1024;

/// Forwards frames between ports and from the gateway.
#[derive(Debug, Default)]
pub struct Switch {
    ports: Slab<Port>,
    table: HashMap<Mac, PortId>,
    /// The addresses of VMs' own cards, of those too that are away.
    cards: Cards,
    pool: Pool,
    dirty: Vec<PortId>,
    /// Ports whose peer is gone, to be removed by the owner of the poll.
    gone: Vec<PortId>,
}

impl Switch {
    /// With what an earlier daemon knew.
    pub fn new(cards: Cards) -> Self {
        Self { cards, ..Self::default() }
    }

    /// Plugs the VM of this process in; `None` if there is no room for more.
    pub fn add(&mut self, socket: OwnedFd, kind: Kind, pid: Option<u32>) -> Option<PortId> {
        let known = self.known(pid);
        let fits = self.ports.len() < PORTS;
        let mut port = Port::new(socket, kind, pid, known);
        port.bound = self.cards.is_told(pid);
        fits.then(|| self.ports.insert(port))
    }

    /// What a VM that is plugged in has as its card's own address; nothing, if it is new. A VM may have
    /// several cards: those that are plugged in have theirs.
    fn known(&mut self, pid: Option<u32>) -> Vec<Mac> {
        let mut known = self.cards.of(pid);
        if self.cards.is_told(pid) {
            // All of them: there are no others for this cable, and none is taken from its siblings.
            return known;
        }
        let ports = self.ports.iter().map(|(_, port)| port);
        let others = ports.filter(|port| port.pid == pid && !port.ending);
        let taken: HashSet<_> = others.filter_map(|port| port.home).collect();
        known.retain(|mac| !taken.contains(mac));
        known
    }

    /// A process is a VM with these addresses and no others, whoever used them until now: so says
    /// whoever started it. Returns which port has no more which address: also one that it used so
    /// long ago that the switch forgot it.
    ///
    /// # Errors
    /// The same was said of another that runs, or others of this one.
    pub fn tell(&mut self, pid: u32, macs: &[Mac]) -> Result<HashSet<(PortId, Mac)>, Refusal> {
        self.cards.tell(pid, macs, |mac| self.table.contains_key(&mac))?;
        let mut all_lost = HashSet::new();
        for (id, port) in &mut self.ports {
            let own = port.pid == Some(pid);
            if own {
                (port.known, port.bound) = (macs.to_vec(), true);
            }
            // What it has as its card's, and beside that.
            let wrong = port.home.take_if(|home| macs.contains(home) != own);
            let others = macs.iter().filter(|_| !own).copied();
            let lost: Vec<_> = others.chain(wrong).collect();
            port.stations.retain(|mac| {
                let lost = lost.contains(mac);
                if lost {
                    self.table.remove(mac);
                }
                !lost
            });
            all_lost.extend(lost.into_iter().map(|mac| (id, mac)));
        }
        Ok(all_lost)
    }

    /// Pulls the cable out; `false` if it was out.
    pub fn remove(&mut self, id: PortId) -> bool {
        self.table.retain(|_, port| *port != id);
        self.dirty.retain(|port| *port != id);
        // The next to have its number is another.
        self.gone.retain(|port| *port != id);
        let Some(mut port) = self.ports.try_remove(id) else { return false };
        port.home.into_iter().for_each(|mac| self.cards.leave(mac));
        port.queue.clear(&mut self.pool);
        true
    }

    /// What the next daemon is to know, if it changed.
    pub fn cards(&mut self) -> Option<Vec<u8>> {
        self.cards.content()
    }

    /// The port, if it is there.
    pub fn port(&mut self, id: PortId) -> Option<&mut Port> {
        self.ports.get_mut(id)
    }

    /// All ports.
    pub fn ids(&self) -> Vec<PortId> {
        self.ports.iter().map(|(id, _)| id).collect()
    }

    /// Which address was last seen behind which port.
    pub fn table(&self) -> impl Iterator<Item = (Mac, PortId)> + '_ {
        self.table.iter().map(|(mac, id)| (*mac, *id))
    }

    /// Frames dropped so far, for want of room in queues.
    pub fn dropped(&self) -> u64 {
        self.ports.iter().map(|(_, port)| port.dropped).sum()
    }

    /// The address of the VM's own card: the first that it spoke under.
    pub fn card(&self, id: PortId) -> Option<Mac> {
        self.ports.get(id)?.home
    }

    /// The VM's card, if nobody else uses its address while it is away.
    pub fn kept(&self, id: PortId) -> Option<Card> {
        let port = self.ports.get(id)?;
        let mac = port.home.filter(|mac| self.cards.contains(*mac))?;
        Some(Card { mac, pid: port.pid })
    }

    /// Since when nobody uses an address, nor runs the VM whose it is: seconds since the system's
    /// start, 0 if that is not known. `None`: it is used.
    pub fn away(&self, mac: Mac) -> Option<u64> {
        self.cards.away(mac).filter(|_| !self.table.contains_key(&mac))
    }

    /// What names the VM behind a port, before it has spoken, too: its card's address.
    pub fn name(&self, id: PortId) -> Option<Mac> {
        let port = self.ports.get(id)?;
        port.home.or_else(|| port.known.iter().min().copied())
    }

    /// Under how many hardware addresses a card took an IP address.
    pub fn taken(&self, card: Mac) -> usize {
        self.cards.taken().count(card)
    }

    /// A card took an IP address under this hardware address.
    pub fn take(&mut self, mac: Mac, card: Mac) {
        self.cards.taken_mut().insert(mac, card);
    }

    /// Nobody has an IP address under this hardware address any more.
    pub fn give_back(&mut self, mac: Mac) {
        self.cards.taken_mut().remove(mac);
    }

    /// Whether the VM behind the port is gone, or about to be, and may be the one behind another: if
    /// that is the same process.
    pub fn leaves_to(&self, id: PortId, other: PortId) -> bool {
        self.ports.get(id).is_none_or(|port| port.ending && self.may_be(port.pid, other))
    }

    /// Whether the VM behind the port may be this process. (Where no process is known, each may.)
    fn may_be(&self, pid: Option<u32>, id: PortId) -> bool {
        pid.is_none() || self.ports.get(id).is_some_and(|port| port.pid == pid)
    }

    /// The port of a VM that was away, if it is plugged in again; not that of another process which
    /// has its card's address now.
    pub fn back(&self, card: Card) -> Option<PortId> {
        self.behind(card.mac).filter(|id| self.may_be(card.pid, *id))
    }

    /// The port behind which the address was last seen.
    pub fn behind(&self, mac: Mac) -> Option<PortId> {
        self.table.get(&mac).copied()
    }

    /// Notes that the address is behind the port; returns whether frames from it are to be taken
    /// there. No group address is behind a port, nor the gateway's, nor one that is behind another
    /// port that lives, nor that of another VM's card while that is away, the less if that runs: who
    /// speaks in another's name would get what is for it.
    pub fn learn(&mut self, mac: Mac, id: PortId) -> bool {
        if mac.is_group() || mac == Mac::GATEWAY {
            return false;
        }
        let before = self.table.get(&mac).copied();
        let Some(port) = self.ports.get(id) else { return false };
        if before == Some(id) {
            return true;
        }
        let home = port.home.map_or_else(|| self.may_have(port, mac), |home| home == mac);
        let pid = port.pid;
        if before.is_some_and(|before| !self.yields(before, mac, home))
            || (!home && self.cards.contains(mac))
        {
            self.log(id, mac);
            return false;
        }
        if home {
            self.ports.get_mut(id).into_iter().for_each(|port| port.home = Some(mac));
            self.cards.insert(mac, pid, |mac| self.table.contains_key(&mac));
        }
        if let Some(before) = before.and_then(|before| self.ports.get_mut(before)) {
            before.stations.retain(|station| *station != mac);
        }
        self.settle(mac, id);
        true
    }

    /// Whether it may be the own address of the port's card, which has none yet.
    fn may_have(&self, port: &Port, mac: Mac) -> bool {
        let is_new = port.known.is_empty() && !port.bound;
        (is_new || port.known.contains(&mac)) && !self.cards.is_anothers(mac, port.pid)
    }

    /// Says once that a VM is not heard: it may be the one whose address it is.
    fn log(&mut self, id: PortId, mac: Mac) {
        if let Some(port) = self.ports.get_mut(id)
            && !std::mem::replace(&mut port.told, true)
        {
            tracing::warn!("port {id}: the VM is not heard as {mac}: another has that address");
        }
    }

    /// The address is behind the port from now on.
    fn settle(&mut self, mac: Mac, id: PortId) {
        let Some(port) = self.ports.get_mut(id) else { return };
        if port.stations.len() >= STATIONS {
            let oldest = port.stations.iter().position(|station| Some(*station) != port.home);
            let oldest = oldest.and_then(|at| port.stations.remove(at));
            oldest.and_then(|oldest| self.table.remove(&oldest));
        }
        port.stations.push_back(mac);
        self.table.insert(mac, id);
    }

    /// Whether a port gives an address to one that uses it, too: if its VM is about to be gone; and
    /// to the one whose own it is, so that nobody can take the address of a VM that is away, and
    /// keep it.
    fn yields(&self, id: PortId, mac: Mac, home: bool) -> bool {
        self.ports.get(id).is_none_or(|port| port.ending || (home && port.home != Some(mac)))
    }

    /// Whether the peer behind which the address is takes nothing now.
    pub fn busy(&self, mac: Mac) -> bool {
        let port = self.behind(mac).and_then(|id| self.ports.get(id));
        port.is_some_and(|port| port.blocked)
    }

    /// Sends streams of whole frames to a port, now.
    pub fn send(&mut self, id: PortId, streams: &[IoSlice<'_>]) {
        let Some(port) = self.ports.get_mut(id) else { return };
        if port.dirty && port.flush(&mut self.pool).is_err() {
            self.gone.push(id);
            return;
        }
        for streams in streams.chunks(SLICES) {
            if port.send(&mut self.pool, streams).is_err() {
                self.gone.push(id);
                return;
            }
        }
    }

    /// Sends a stream of frames to whoever has the address, now. If nobody is known to, it is
    /// lost: a guest's data is not for others.
    pub fn send_to(&mut self, mac: Mac, stream: &[u8]) {
        if let Some(id) = self.behind(mac) {
            self.send(id, &[IoSlice::new(stream)]);
        }
    }

    /// Sends frames at the end of this turn, with others; a broadcast to all.
    pub fn queue(&mut self, mac: Mac, stream: &[u8]) {
        match self.behind(mac) {
            Some(id) => self.queue_at(id, stream),
            None if mac == Mac::BROADCAST => self.flood(None, stream),
            None => {}
        }
    }

    /// Sends frames at the end of this turn to all ports but one.
    pub fn flood(&mut self, but: Option<PortId>, stream: &[u8]) {
        for id in self.ids() {
            if Some(id) != but {
                self.queue_at(id, stream);
            }
        }
    }

    fn queue_at(&mut self, id: PortId, stream: &[u8]) {
        let Some(port) = self.ports.get_mut(id) else { return };
        port.dropped += port.queue.add(&mut self.pool, stream, 0);
        if !std::mem::replace(&mut port.dirty, true) {
            self.dirty.push(id);
        }
    }

    /// Ends a turn: sends what was queued. Returns the ports whose peers are gone.
    pub fn flush(&mut self) -> Vec<PortId> {
        for id in std::mem::take(&mut self.dirty) {
            let Some(port) = self.ports.get_mut(id) else { continue };
            port.dirty = false;
            if port.flush(&mut self.pool).is_err() {
                self.gone.push(id);
            }
        }
        std::mem::take(&mut self.gone)
    }

    /// The peer may take more; returns whether nothing waits any longer.
    pub fn writable(&mut self, id: PortId) -> bool {
        let Some(port) = self.ports.get_mut(id) else { return false };
        match port.flush(&mut self.pool) {
            Ok(()) => port.queue.is_empty(),
            Err(_) => {
                self.gone.push(id);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::{Card, Kind, PortId, STATIONS, Switch};
    use crate::wire::Mac;

    fn mac(n: usize) -> Mac {
        let [.., high, low] = n.to_be_bytes();
        Mac([2, 0, 0, 0, high, low])
    }

    fn plug(switch: &mut Switch, pid: Option<u32>) -> (PortId, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (switch.add(ours.into(), Kind::Stream, pid).unwrap(), theirs)
    }

    #[test]
    fn of_too_many_addresses_the_oldest_gives_way_but_not_the_cards() {
        let mut switch = Switch::default();
        let ((one, _cable), (other, _other)) = (plug(&mut switch, None), plug(&mut switch, None));
        assert!(switch.learn(mac(1000), other));
        for n in 0..=STATIONS {
            assert!(switch.learn(mac(n), one));
        }
        assert_eq!((switch.behind(mac(0)), switch.behind(mac(1))), (Some(one), None));
        assert_eq!(switch.behind(mac(STATIONS)), Some(one));
        assert_eq!(switch.behind(mac(1000)), Some(other));
        // What another takes over leaves room.
        switch.port(one).unwrap().ending = true;
        assert!(switch.learn(mac(2), other));
        assert!(switch.learn(mac(1), one));
        assert_eq!((switch.behind(mac(3)), switch.behind(mac(2))), (Some(one), Some(other)));
    }

    #[test]
    fn a_port_with_the_number_of_one_that_is_gone_stays() {
        let mut switch = Switch::default();
        let (gone, cable) = plug(&mut switch, None);
        drop(cable);
        switch.send(gone, &[std::io::IoSlice::new(b"frame")]);
        assert!(switch.remove(gone));
        let (new, _cable) = plug(&mut switch, None);
        assert_eq!((new, switch.flush()), (gone, vec![]));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_vm_has_the_addresses_that_were_told_whoever_spoke_under_them_first() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (thiefs, own) = (child.id(), std::process::id());
        let mut switch = Switch::default();
        // It spoke first, as its card's and beside that.
        let (thief, _cable) = plug(&mut switch, Some(thiefs));
        assert!((1..4).all(|n| switch.learn(mac(n), thief)));
        switch.tell(own, &[mac(1), mac(2)]).unwrap();
        assert_eq!(
            (switch.card(thief), switch.behind(mac(1)), switch.behind(mac(2))),
            (None, None, None)
        );
        assert_eq!(switch.behind(mac(3)), Some(thief));
        assert!(!switch.learn(mac(1), thief) && !switch.learn(mac(2), thief));
        let (one, _cable) = plug(&mut switch, Some(own));
        let (two, _cable) = plug(&mut switch, Some(own));
        assert!(switch.learn(mac(2), one) && switch.learn(mac(1), two));
        assert!(!switch.learn(mac(2), two), "its sibling's");
        // A third cable is that of one which was plugged in anew: it has no address of its choice.
        let (third, _cable) = plug(&mut switch, Some(own));
        assert!(switch.learn(mac(9), third) && switch.card(third).is_none());
        // The thief is told, too: what it took from one that says nothing is not its own.
        assert!(switch.learn(mac(7), thief));
        assert_eq!(switch.card(thief), Some(mac(7)));
        switch.tell(thiefs, &[mac(8)]).unwrap();
        assert_eq!((switch.card(thief), switch.behind(mac(7))), (None, None));
        assert!(switch.learn(mac(8), thief));
        assert_eq!(switch.card(thief), Some(mac(8)));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_other_process_has_the_address_of_a_vm_that_runs() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (victims, own) = (Some(child.id()), Some(std::process::id()));
        let mut switch = Switch::default();
        let (victim, _cable) = plug(&mut switch, victims);
        assert!(switch.learn(mac(1), victim));
        let card = Card { mac: mac(1), pid: victims };
        assert_eq!(switch.kept(victim), Some(card));
        switch.remove(victim);
        let (thief, _cable) = plug(&mut switch, own);
        assert!(
            switch.away(mac(1)).is_none() && !switch.learn(mac(1), thief),
            "it is away, and runs"
        );
        assert_eq!(switch.card(thief), None);
        // Plugged in again it is known: its card is not what it says first.
        let (victim, _cable) = plug(&mut switch, victims);
        assert!(switch.learn(mac(2), victim) && switch.card(victim).is_none());
        assert!(switch.learn(mac(1), victim));
        assert_eq!((switch.card(victim), switch.back(card)), (Some(mac(1)), Some(victim)));
        // A card beside it is another.
        let (second, _cable) = plug(&mut switch, victims);
        assert!(switch.learn(mac(3), second));
        assert_eq!(switch.card(second), Some(mac(3)));
        // Its end.
        child.kill().unwrap();
        child.wait().unwrap();
        switch.port(victim).unwrap().ending = true;
        assert!(switch.learn(mac(1), thief));
        assert_eq!((switch.card(thief), switch.back(card)), (Some(mac(1)), None));
        assert!(!switch.leaves_to(victim, thief), "what was open is not the thief's");
    }
}
