//! Which hardware address is the own one of which VM's card, also while that is away, and while
//! the daemon is.
//!
//! A VM is known by the process at the other end of its cable: it is the same when the daemon was
//! started anew, and no guest can choose it. So a guest cannot be quicker than another to speak
//! under that one's address, and get what is for it.
//!
//! Whoever starts a VM may tell which addresses its process has, before the guest's first word. Then
//! it has no others, whatever it says; of what nobody told, the first word counts.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::process::{self, Process};
use super::taken::Taken;
use crate::wire::Mac;

/// Addresses that are remembered; of more, that of the VM which was plugged in longest ago is
/// forgotten, if it is away.
const MOST: usize = 4096;

/// The file's version; rises when a later release writes what this one could not understand.
const VERSION: u32 = 1;

/// Who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    /// The process, where the system tells it.
    pid: Option<u32>,
    /// When it was plugged in: seconds since the system's start.
    since: u64,
    /// Whoever started the VM said so.
    #[serde(default)]
    told: bool,
    /// When it was last unplugged, in the same seconds; 0 if it was not.
    #[serde(default)]
    left: u64,
}

impl Owner {
    /// Who has it from now on.
    fn new(pid: Option<u32>, told: bool) -> Self {
        Self { pid, since: process::uptime(), told, left: 0 }
    }
}

/// Why addresses are not a VM's.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Whoever started another VM said that it is that one's.
    #[error("{mac} is the address of another VM, that of process {pid}")]
    Anothers {
        /// The address.
        mac: Mac,
        /// The other VM's process.
        pid: u32,
    },
    /// The process was told to have others: it is not the one that is meant.
    #[error("process {0} is a VM with other addresses")]
    OtherVm(u32),
    /// There is no such process.
    #[error("there is no process {0}")]
    NoProcess(u32),
    /// No VM can have it.
    #[error("{0} can be no VM's address")]
    NoCards(Mac),
}

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    /// Names the system's start, since which pids and times count.
    boot: String,
    cards: BTreeMap<String, Owner>,
    /// Which card took an IP address under which hardware address.
    #[serde(default)]
    taken: BTreeMap<String, String>,
}

/// All addresses.
#[derive(Debug, Default)]
pub struct Cards {
    owners: HashMap<Mac, Owner>,
    /// Their processes, as long as they run: those that an earlier daemon knew, too.
    running: HashMap<u32, Process>,
    taken: Taken,
    boot: String,
    changed: bool,
}

impl Cards {
    /// None yet.
    pub fn new() -> Self {
        Self { boot: process::boot(), ..Self::default() }
    }

    /// Takes up what [`Cards::content`] gave an earlier daemon to write; nothing, if there is no
    /// file. To be called as long as other processes can be looked at.
    ///
    /// # Errors
    /// It can't be read, is no such file, or a later release's.
    pub fn load(&mut self, path: &Path) -> io::Result<()> {
        match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // It is not waited for that it is on the disk: a power cut leaves an empty file.
            Ok(text) if text.is_empty() => Ok(()),
            text => self.read(&text?),
        }
    }

    /// The same of a file's bytes.
    ///
    /// # Errors
    /// They are no such file, or a later release's.
    pub fn read(&mut self, text: &[u8]) -> io::Result<()> {
        let content: Content = serde_json::from_slice(text)?;
        if content.version > VERSION {
            return Err(io::Error::other("a later release wrote them"));
        }
        let still = content.boot == self.boot && !self.boot.is_empty();
        for (mac, owner) in content.cards.into_iter().take(MOST) {
            let Ok(mac) = mac.parse::<Mac>() else { continue };
            if mac.is_group() || mac == Mac::GATEWAY {
                continue;
            }
            // The next daemon is to know it, too, should this one end before the VM has spoken.
            let pid = owner.pid.filter(|pid| still && self.expect(*pid, owner.since));
            // Times of another start of the system are long ago.
            let (since, left) = if still { (owner.since, owner.left) } else { (0, 0) };
            self.owners.insert(mac, Owner { pid, since, left, ..owner });
        }
        self.taken.read(content.taken);
        Ok(())
    }

    /// Which card took an IP address under which hardware address.
    pub fn taken(&self) -> &Taken {
        &self.taken
    }

    /// The same, to be changed.
    pub fn taken_mut(&mut self) -> &mut Taken {
        self.changed = true;
        &mut self.taken
    }

    /// Since when a VM is away that is not plugged in and does not run, as far as that is known.
    pub fn away(&self, mac: Mac) -> Option<u64> {
        let since = self.owners.get(&mac).map_or(0, |owner| owner.left.max(owner.since));
        (!self.runs(mac)).then_some(since)
    }

    /// A VM's cable was pulled out.
    pub fn leave(&mut self, mac: Mac) {
        if let Some(owner) = self.owners.get_mut(&mac) {
            owner.left = process::uptime();
            self.changed = true;
        }
    }

    /// A process has these addresses and no others: so says whoever started it, and can tell that
    /// it has not ended. What another got by its first word is this one's now.
    ///
    /// # Errors
    /// The same was said of another process that runs, or others of this one: nothing changes.
    pub fn tell(
        &mut self,
        pid: u32,
        macs: &[Mac],
        is_there: impl Fn(Mac) -> bool,
    ) -> Result<(), Refusal> {
        if cfg!(not(target_os = "linux")) {
            // No cable tells its process.
            return Ok(());
        }
        self.tidy();
        self.may_tell(pid, macs)?;
        if let Entry::Vacant(unknown) = self.running.entry(pid) {
            let process = Process::with(pid).filter(Process::lives);
            unknown.insert(process.ok_or(Refusal::NoProcess(pid))?);
        }
        let wrong =
            self.owners.extract_if(|mac, owner| owner.pid == Some(pid) && !macs.contains(mac));
        self.changed |= wrong.count() > 0;
        for mac in macs {
            self.own(*mac, Owner::new(Some(pid), true), &is_there);
        }
        Ok(())
    }

    fn may_tell(&self, pid: u32, macs: &[Mac]) -> Result<(), Refusal> {
        if let Some(mac) = macs.iter().find(|mac| mac.is_group() || **mac == Mac::GATEWAY) {
            return Err(Refusal::NoCards(*mac));
        }
        for (mac, owner) in self.owners.iter().filter(|(_, owner)| owner.told) {
            let Some(other) = owner.pid.filter(|pid| self.running.contains_key(pid)) else {
                continue;
            };
            match (other == pid, macs.contains(mac)) {
                (true, false) => return Err(Refusal::OtherVm(pid)),
                (false, true) => return Err(Refusal::Anothers { mac: *mac, pid: other }),
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes that a VM may come back; returns whether it runs.
    fn expect(&mut self, pid: u32, since: u64) -> bool {
        if !self.running.contains_key(&pid)
            && let Some(process) = Process::find(pid, since)
        {
            self.running.insert(pid, process);
        }
        self.running.contains_key(&pid)
    }

    /// The addresses that a process has, from an earlier daemon, too; none, if it is new.
    pub fn of(&mut self, pid: Option<u32>) -> Vec<Mac> {
        self.tidy();
        let Some(pid) = pid.filter(|pid| self.running.contains_key(pid)) else { return Vec::new() };
        let own = self.owners.iter().filter(|(_, owner)| owner.pid == Some(pid));
        own.map(|(mac, _)| *mac).collect()
    }

    /// Whether whoever started the process told which addresses it has.
    pub fn is_told(&self, pid: Option<u32>) -> bool {
        pid.is_some() && self.owners.values().any(|owner| owner.told && owner.pid == pid)
    }

    /// Forgets processes that have ended: another may get the number.
    fn tidy(&mut self) {
        let ended = self.running.extract_if(|_, process| !process.lives());
        let ended: HashSet<_> = ended.map(|(pid, _)| pid).collect();
        if ended.is_empty() {
            return;
        }
        for owner in self.owners.values_mut() {
            owner.pid = owner.pid.filter(|pid| !ended.contains(pid));
        }
    }

    /// Whether the VM whose it is runs, and is another process than this.
    pub fn is_anothers(&self, mac: Mac, pid: Option<u32>) -> bool {
        let owner = self.owners.get(&mac).and_then(|owner| owner.pid);
        let other = owner.filter(|owner| Some(*owner) != pid);
        other.and_then(|owner| self.running.get(&owner)).is_some_and(Process::lives)
    }

    /// Whether the VM whose it is runs, plugged in or not.
    pub fn runs(&self, mac: Mac) -> bool {
        self.is_anothers(mac, None)
    }

    /// Whether it is the own address of a VM's card.
    pub fn contains(&self, mac: Mac) -> bool {
        self.owners.contains_key(&mac)
    }

    /// A VM's card has this address; `is_there` tells whether one is plugged in.
    pub fn insert(&mut self, mac: Mac, pid: Option<u32>, is_there: impl Fn(Mac) -> bool) {
        if self.owners.get(&mac).is_some_and(|owner| owner.pid == pid && pid.is_some()) {
            return;
        }
        self.own(mac, Owner::new(pid, false), is_there);
        if let Some(pid) = pid.filter(|pid| !self.running.contains_key(pid))
            && let Some(process) = Process::with(pid)
        {
            self.running.insert(pid, process);
        }
    }

    fn own(&mut self, mac: Mac, owner: Owner, is_there: impl Fn(Mac) -> bool) {
        if self.owners.len() >= MOST && !self.contains(mac) {
            let away = self.owners.iter().filter(|(mac, _)| !is_there(**mac));
            let Some(oldest) = away.min_by_key(|(_, owner)| owner.since).map(|(mac, _)| *mac)
            else {
                return;
            };
            self.owners.remove(&oldest);
        }
        self.owners.insert(mac, owner);
        self.changed = true;
    }

    /// What is to be written, if it changed since it was asked for last.
    pub fn content(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let cards = self.owners.iter().map(|(mac, owner)| (mac.to_string(), *owner)).collect();
        let (boot, taken) = (self.boot.clone(), self.taken.content());
        let content = Content { version: VERSION, boot, cards, taken };
        serde_json::to_vec(&content).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cards, MOST, Owner, process};
    use crate::wire::Mac;

    fn mac(n: usize) -> Mac {
        let [.., high, low] = n.to_be_bytes();
        Mac([2, 0, 0, 0, high, low])
    }

    fn again(cards: &mut Cards) -> Cards {
        let mut again = Cards::new();
        again.read(&cards.content().unwrap()).unwrap();
        again
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_still_runs_is_known_again() {
        let mut cards = Cards::new();
        let own = Some(std::process::id());
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let others = Some(other.id());
        cards.insert(mac(1), own, |_| true);
        cards.insert(mac(2), own, |_| true);
        cards.insert(mac(3), others, |_| true);
        let mut again_cards = again(&mut cards);
        assert_eq!(again_cards.of(own).len(), 2);
        assert_eq!(again_cards.of(others), [mac(3)]);
        assert_eq!((again_cards.of(Some(1)), again_cards.of(None)), (vec![], vec![]));
        assert_eq!(cards.of(others), [mac(3)], "also by the daemon that served it");
        assert!(cards.is_anothers(mac(3), own) && !cards.is_anothers(mac(3), others));
        assert_eq!(cards.content(), None, "nothing changed since");
        // One that ends is not known, even if another gets its pid.
        other.kill().unwrap();
        other.wait().unwrap();
        for cards in [&mut again_cards, &mut cards] {
            assert!(cards.runs(mac(1)) && !cards.runs(mac(3)) && !cards.runs(mac(4)));
            assert!(cards.of(others).is_empty() && cards.contains(mac(3)));
            assert_eq!(cards.of(own).len(), 2);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_was_told_of_a_vm_counts_until_it_ends_and_after_a_restart() {
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (own, others) = (std::process::id(), other.id());
        let mut before = Cards::new();
        // The first word of one of which nothing was told.
        before.insert(mac(1), Some(others), |_| true);
        before.insert(mac(3), Some(own), |_| true);
        before.tell(own, &[mac(1), mac(2)], |_| true).unwrap();
        let mut after = again(&mut before);
        for cards in [&mut before, &mut after] {
            assert!(
                cards.is_told(Some(own)) && !cards.is_told(Some(others)) && !cards.is_told(None)
            );
            assert_eq!((cards.of(Some(own)).len(), cards.of(Some(others)).len()), (2, 0));
            assert!(!cards.contains(mac(3)), "it has no others");
            cards.tell(own, &[mac(2), mac(1)], |_| true).expect("the same once more");
            let tell = |cards: &mut Cards, pid, macs: &[Mac]| {
                cards.tell(pid, macs, |_| true).unwrap_err().to_string()
            };
            let error = tell(cards, others, &[mac(1)]);
            assert_eq!(
                error,
                format!("02:00:00:00:00:01 is the address of another VM, that of process {own}")
            );
            assert!(tell(cards, own, &[mac(1)]).contains("with other addresses"));
            assert!(tell(cards, others, &[Mac::GATEWAY]).contains("no VM's"));
            assert!(tell(cards, others, &[Mac::BROADCAST]).contains("no VM's"));
            cards.tell(others, &[mac(5)], |_| true).unwrap();
        }
        other.kill().unwrap();
        other.wait().unwrap();
        before.tell(own, &[mac(1), mac(2)], |_| true).unwrap();
        assert!(before.may_tell(own, &[mac(1), mac(2), mac(5)]).is_ok(), "its VM has ended");
        let gone = before.tell(others, &[mac(6)], |_| true).unwrap_err().to_string();
        assert_eq!(gone, format!("there is no process {others}"));
        assert!(!before.contains(mac(6)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_has_said_nothing_is_known_after_two_restarts() {
        let own = Some(std::process::id());
        let mut cards = Cards::new();
        cards.insert(mac(1), own, |_| true);
        let mut once = again(&mut cards);
        // It is written anew for another.
        once.insert(mac(2), None, |_| true);
        assert_eq!(again(&mut once).of(own), [mac(1)]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_is_another_is_not_taken_for_it() {
        let pid = std::process::id();
        let file = |boot: &str, since: u64| {
            format!(
                r#"{{"version":1,"boot":"{boot}","cards":{{"02:00:00:00:00:01":{{"pid":{pid},"since":{since}}}}}}}"#
            )
        };
        let known = |text: &str| {
            let mut cards = Cards::new();
            cards.read(text.as_bytes()).unwrap();
            assert!(cards.contains(mac(1)));
            cards.of(Some(pid)).len()
        };
        assert_eq!(known(&file(&process::boot(), process::uptime())), 1);
        assert_eq!(known(&file(&process::boot(), 0)), 0, "it is younger");
        assert_eq!(known(&file("another", process::uptime())), 0, "of another start");
    }

    #[test]
    fn what_is_damaged_or_later_is_refused() {
        let mut cards = Cards::new();
        for bad in ["", "{", r#"{"version":2,"boot":"","cards":{}}"#] {
            assert!(cards.read(bad.as_bytes()).is_err());
        }
        let text = r#"{"version":1,"boot":"","cards":{"5a:94:ef:e4:0c:dd":{"pid":null,"since":1},"x":{"pid":1,"since":1}}}"#;
        cards.read(text.as_bytes()).unwrap();
        assert!(cards.owners.is_empty(), "neither can be a VM's");
    }

    #[test]
    fn an_empty_file_is_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut cards = Cards::new();
        cards.load(file.path()).unwrap();
        assert!(cards.owners.is_empty());
    }

    #[test]
    fn of_too_many_the_one_that_is_away_longest_is_forgotten() {
        let mut cards = Cards::new();
        for n in 0..MOST {
            let owner = Owner { since: n as u64, ..Owner::new(None, false) };
            cards.owners.insert(mac(n), owner);
        }
        cards.insert(mac(MOST), None, |one| one == mac(0));
        assert!(cards.contains(mac(0)) && cards.contains(mac(MOST)) && !cards.contains(mac(1)));
        cards.insert(mac(MOST + 1), None, |_| true);
        assert!(!cards.contains(mac(MOST + 1)), "all are there");
    }

    #[test]
    fn since_when_a_vm_is_away_is_known_after_a_restart() {
        let mut cards = Cards::new();
        cards.insert(mac(1), None, |_| true);
        let plugged_in = cards.away(mac(1)).unwrap();
        cards.owners.get_mut(&mac(1)).unwrap().since = 0;
        cards.leave(mac(1));
        let left = again(&mut cards).away(mac(1)).unwrap();
        assert!(left >= plugged_in && left > 0);
        assert_eq!(cards.away(mac(2)), Some(0), "never seen");
    }
}
