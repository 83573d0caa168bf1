//! Which VM has which address.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::subnet::Subnet;
use crate::wire::Mac;

/// How long an address that a guest found taken is not given out.
const DECLINED: Duration = Duration::from_secs(600);

/// So many such addresses at most, and in a small network a quarter: to say that all are taken is
/// no way to keep others from getting one.
const MOST_DECLINED: usize = 8;

/// Leases of a large network; then it counts as full.
const MOST: usize = 4096;

/// Addresses by hardware address, for good: a VM that comes back gets the one that it had.
#[derive(Debug)]
pub struct Leases {
    subnet: Subnet,
    by_address: BTreeMap<Ipv4Addr, Mac>,
    by_mac: HashMap<Mac, Ipv4Addr>,
    declined: HashMap<Ipv4Addr, Duration>,
    /// Those that were somebody's, and since when they are not: what still speaks of them is of
    /// somebody else.
    freed: HashMap<Ipv4Addr, Duration>,
}

/// An address that a VM has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The address.
    pub address: Ipv4Addr,
    /// Whether it has it only now.
    pub new: bool,
    /// Whose it was, if that one has lost it by this.
    pub from: Option<Mac>,
}

impl Leases {
    /// None yet.
    pub fn new(subnet: Subnet) -> Self {
        let (by_address, by_mac) = (BTreeMap::new(), HashMap::new());
        Self { subnet, by_address, by_mac, declined: HashMap::new(), freed: HashMap::new() }
    }

    /// Reserves an address; what can't be anybody's is left out.
    pub fn insert(&mut self, address: Ipv4Addr, mac: Mac) {
        let is_full = self.by_address.len() >= MOST && !self.by_mac.contains_key(&mac);
        if is_full || !self.is_free(address) || mac.is_group() || mac == Mac::GATEWAY {
            return;
        }
        if let Some(before) = self.by_mac.insert(mac, address) {
            self.by_address.remove(&before);
        }
        self.by_address.insert(address, mac);
        self.freed.remove(&address);
    }

    /// All, with the gateway's own, as Lima's API has them.
    pub fn all(&self) -> BTreeMap<Ipv4Addr, Mac> {
        let mut all = self.by_address.clone();
        all.insert(self.subnet.gateway(), Mac::GATEWAY);
        all
    }

    /// Who has the address.
    pub fn holder(&self, address: Ipv4Addr) -> Option<Mac> {
        self.by_address.get(&address).copied()
    }

    /// What the VM has.
    pub fn of(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.by_mac.get(&mac).copied()
    }

    /// The VM's address: the one it has, else the one it asks for if that is free, else the first
    /// that was nobody's, else the one that is free for longest. If there is none, it gets that of
    /// the VM that is away for longest: `away` says since when, or `None` for one that is there.
    /// `None`: the network is full.
    pub fn assign(
        &mut self,
        mac: Mac,
        wish: Option<Ipv4Addr>,
        now: Duration,
        away: impl Fn(Mac) -> Option<u64>,
    ) -> Option<Assigned> {
        if let Some(address) = self.of(mac) {
            return Some(Assigned { address, new: false, from: None });
        }
        self.declined.retain(|_, until| *until > now);
        let free = wish.filter(|&address| self.is_free(address));
        let free = free.or_else(|| self.free()).filter(|_| self.by_address.len() < MOST);
        let (address, from) = match free {
            Some(address) => (address, None),
            None => {
                let idle = self.by_address.iter();
                let idle = idle.filter_map(|(address, mac)| Some((away(*mac)?, *address, *mac)));
                let (_, address, from) = idle.min()?;
                self.by_mac.remove(&from);
                self.by_address.remove(&address);
                (address, Some(from))
            }
        };
        self.insert(address, mac);
        Some(Assigned { address, new: true, from })
    }

    /// The first address that was nobody's, else the one that is free for longest.
    fn free(&self) -> Option<Ipv4Addr> {
        let unused =
            |address: &Ipv4Addr| self.is_free(*address) && !self.freed.contains_key(address);
        let used = || {
            let free = self.freed.iter().filter(|(address, _)| self.is_free(**address));
            free.min_by_key(|(address, since)| (**since, **address)).map(|(address, _)| *address)
        };
        self.subnet.guests().find(unused).or_else(used)
    }

    /// The VM found its address taken by somebody else.
    pub fn decline(&mut self, mac: Mac, now: Duration) {
        if let Some(address) = self.by_mac.remove(&mac) {
            self.by_address.remove(&address);
            let some = self.subnet.guests().take(4 * MOST_DECLINED).count() / 4;
            if self.declined.len() >= some.max(1) {
                let first = self.declined.iter().min_by_key(|(_, until)| **until);
                let first = first.map(|(address, _)| *address);
                first.and_then(|address| self.declined.remove(&address));
            }
            self.declined.insert(address, now + DECLINED);
            if self.freed.len() >= MOST {
                let first = self.freed.iter().min_by_key(|(_, since)| **since);
                let first = first.map(|(address, _)| *address);
                first.and_then(|address| self.freed.remove(&address));
            }
            self.freed.insert(address, now);
        }
    }

    fn is_free(&self, address: Ipv4Addr) -> bool {
        self.subnet.contains(address)
            && ![self.subnet.gateway(), self.subnet.broadcast()].contains(&address)
            && self.subnet.guests().next().is_some_and(|first| address >= first)
            && !self.by_address.contains_key(&address)
            && !self.declined.contains_key(&address)
    }

    /// Reads what [`save`] wrote; also what Lima's daemon left. Nothing, if there is no file.
    ///
    /// # Errors
    /// It can't be read, or is no such file.
    pub fn load(&mut self, path: &Path) -> io::Result<()> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        self.read(&text)
    }

    /// The same of a file's bytes.
    ///
    /// # Errors
    /// They are no such file.
    pub fn read(&mut self, text: &[u8]) -> io::Result<()> {
        let map: BTreeMap<Ipv4Addr, String> = serde_json::from_slice(text)?;
        for (address, mac) in map {
            // One line that is damaged costs one address.
            mac.parse().into_iter().for_each(|mac| self.insert(address, mac));
        }
        Ok(())
    }
}

/// Replaces the file by these leases, in Lima's form.
///
/// # Errors
/// The directory can't be written, or the disk is full; the old file is as it was then.
pub fn save(path: &Path, leases: &BTreeMap<Ipv4Addr, Mac>) -> io::Result<()> {
    let map: BTreeMap<_, _> =
        leases.iter().map(|(address, mac)| (address, mac.to_string())).collect();
    write(path, &serde_json::to_vec(&map)?)
}

/// Replaces a file at once, also across a power cut.
///
/// # Errors
/// The directory can't be written, or the disk is full; the old file is as it was then.
pub fn write(path: &Path, data: &[u8]) -> io::Result<()> {
    let file = beside(path, data)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(directory(path))?.sync_all()
}

/// The same for what is of little use after a power cut: nobody waits for the disk.
///
/// # Errors
/// As of [`write`].
pub fn write_quickly(path: &Path, data: &[u8]) -> io::Result<()> {
    beside(path, data)?.persist(path).map(drop).map_err(|error| error.error)
}

/// A new file, in the same directory.
fn beside(path: &Path, data: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut new = tempfile::Builder::new();
    let mut file = new.prefix(".limekiln-").suffix(".tmp").tempfile_in(directory(path))?;
    file.write_all(data)?;
    Ok(file)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Moves a file that can't be understood out of the way of the next one, and tells where it is:
/// whoever can mend it, or a later release, still has it.
///
/// # Errors
/// The directory can't be written.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let beside = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".set-aside-{number}"));
        PathBuf::from(name)
    };
    // Of many, the last one gives way: the first has what was there before all went wrong.
    let free = (1..9).map(beside).find(|name| !name.exists()).unwrap_or_else(|| beside(9));
    std::fs::rename(path, &free)?;
    Ok(free)
}

/// The same, in words for the log.
pub fn aside(path: &Path) -> String {
    match set_aside(path) {
        Ok(aside) => format!("they are kept as {}", aside.display()),
        Err(error) => format!("and can't be set aside: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Leases, save, set_aside};
    use crate::wire::Mac;

    fn assign(leases: &mut Leases, mac: u8, wish: Option<u8>) -> Option<u8> {
        let wish = wish.map(|last| [10, 0, 0, last].into());
        let away = |mac: Mac| (mac.0[5] == 4).then_some(0);
        let lease = leases.assign(Mac([2, 0, 0, 0, 0, mac]), wish, Duration::ZERO, away);
        lease.map(|lease| lease.address.octets()[3])
    }

    #[test]
    fn addresses_are_limas_and_stay() {
        let mut leases = Leases::new("10.0.0.0/29".parse().unwrap());
        let order: Vec<_> = (1..=4).map(|mac| assign(&mut leases, mac, None)).collect();
        assert_eq!(order, [Some(1), Some(3), Some(4), Some(5)]);
        assert_eq!(assign(&mut leases, 2, None), Some(3));
        assert_eq!(assign(&mut leases, 5, Some(2)), Some(6), "the gateway is not for guests");
        assert_eq!(assign(&mut leases, 6, None), Some(5), "VM 4 is away");
        assert_eq!(assign(&mut leases, 7, None), None);
    }

    #[test]
    fn of_free_addresses_those_of_others_come_last_and_the_longest_free_first() {
        let mut leases = Leases::new("10.0.0.0/29".parse().unwrap());
        let mac = |n| Mac([2, 0, 0, 0, 0, n]);
        let there = |_| None;
        for n in [1, 2] {
            leases.assign(mac(n), None, Duration::ZERO, there);
        }
        leases.decline(mac(2), Duration::from_secs(1));
        leases.decline(mac(1), Duration::from_secs(2));
        let later = Duration::from_secs(10_000);
        let mut next = |n| {
            let lease = leases.assign(mac(n), None, later, there);
            lease.map(|lease| lease.address.octets()[3])
        };
        let order: Vec<_> = (3..=8).map(&mut next).collect();
        assert_eq!(order, [Some(4), Some(5), Some(6), Some(3), Some(1), None]);
    }

    #[test]
    fn when_all_are_taken_the_vm_that_is_away_longest_loses_its_own() {
        let mut leases = Leases::new("10.0.0.0/29".parse().unwrap());
        let mac = |n| Mac([2, 0, 0, 0, 0, n]);
        for n in 1..=5 {
            leases.assign(mac(n), None, Duration::ZERO, |_| None);
        }
        let since = [None, Some(30), Some(10), Some(20), None];
        let away = |mac: Mac| since[usize::from(mac.0[5]) - 1];
        let lease = leases.assign(mac(9), None, Duration::ZERO, away).unwrap();
        assert_eq!((lease.address.octets()[3], lease.new, lease.from), (4, true, Some(mac(3))));
    }

    #[test]
    fn a_free_address_that_is_asked_for_is_given() {
        let mut leases = Leases::new("10.0.0.0/24".parse().unwrap());
        for (wish, given) in [(77, 77), (77, 1), (0, 3), (255, 4), (2, 5)] {
            let mac = given;
            assert_eq!(assign(&mut leases, mac, Some(wish)), Some(given));
        }
    }

    #[test]
    fn a_declined_address_is_not_given_again_soon() {
        let mut leases = Leases::new("10.0.0.0/24".parse().unwrap());
        assert_eq!(assign(&mut leases, 1, None), Some(1));
        leases.decline(Mac([2, 0, 0, 0, 0, 1]), Duration::ZERO);
        assert_eq!(assign(&mut leases, 1, None), Some(3));
    }

    #[test]
    fn who_declines_all_keeps_nobody_from_getting_one() {
        let mut leases = Leases::new("10.0.0.0/29".parse().unwrap());
        for second in 0..20 {
            assert!(assign(&mut leases, 1, None).is_some());
            leases.decline(Mac([2, 0, 0, 0, 0, 1]), Duration::from_secs(second));
        }
        let given: Vec<_> = (2..6).filter_map(|mac| assign(&mut leases, mac, None)).collect();
        assert_eq!(given.len(), 4, "all but one");
    }

    #[test]
    fn a_large_network_is_full_some_day() {
        let mut leases = Leases::new("10.0.0.0/8".parse().unwrap());
        let mac = |n: u16| {
            let [high, low] = n.to_be_bytes();
            Mac([2, 0, 0, 0, high, low])
        };
        for n in 0..4100_u16 {
            let [high, low] = n.to_be_bytes();
            leases.assign(mac(n), Some([10, 1, high, low].into()), Duration::ZERO, |_| None);
        }
        assert_eq!(leases.all().len(), super::MOST + 1, "and the gateway");
        let away = |one| (one == mac(7)).then_some(0);
        assert!(leases.assign(mac(5000), None, Duration::ZERO, away).is_some());
        assert_eq!((leases.of(mac(7)), leases.all().len()), (None, super::MOST + 1));
    }

    #[test]
    fn what_is_set_aside_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        for number in 1..=12 {
            std::fs::write(&path, format!("{number}")).unwrap();
            let aside = set_aside(&path).unwrap();
            assert_eq!(aside, dir.path().join(format!("leases.json.set-aside-{}", number.min(9))));
        }
        let text = |number| {
            std::fs::read_to_string(dir.path().join(format!("leases.json.set-aside-{number}")))
        };
        assert_eq!((text(1).unwrap(), text(8).unwrap()), ("1".to_owned(), "8".to_owned()));
        assert!(set_aside(&path).is_err(), "there is none any more");
    }

    #[test]
    fn the_file_is_limas() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        let mut leases = Leases::new("192.168.104.0/24".parse().unwrap());
        leases.load(&path).unwrap();
        leases.insert([192, 168, 104, 3].into(), Mac([0x52, 0x55, 0x55, 1, 2, 3]));
        save(&path, &leases.all()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected =
            r#"{"192.168.104.2":"5a:94:ef:e4:0c:dd","192.168.104.3":"52:55:55:01:02:03"}"#;
        assert_eq!(text, expected);
        let mut again = Leases::new("192.168.104.0/24".parse().unwrap());
        again.load(&path).unwrap();
        assert_eq!(again.all(), leases.all());
    }
}
