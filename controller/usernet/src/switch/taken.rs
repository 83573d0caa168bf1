//! Which card took an IP address under which hardware address, so that none takes all: also after a
//! restart of the daemon.

use std::collections::{BTreeMap, HashMap};

use crate::wire::Mac;

/// What cards took.
#[derive(Debug, Default)]
pub struct Taken {
    by: HashMap<Mac, Mac>,
    counts: HashMap<Mac, usize>,
}

impl Taken {
    /// Under how many hardware addresses a card took one.
    pub fn count(&self, card: Mac) -> usize {
        self.counts.get(&card).copied().unwrap_or(0)
    }

    /// A card took an address under this one.
    pub fn insert(&mut self, mac: Mac, card: Mac) {
        self.remove(mac);
        self.by.insert(mac, card);
        *self.counts.entry(card).or_default() += 1;
    }

    /// Nobody has one under this one any more.
    pub fn remove(&mut self, mac: Mac) {
        let Some(card) = self.by.remove(&mac) else { return };
        if let Some(count) = self.counts.get_mut(&card) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&card);
            }
        }
    }

    /// Forgets what is no lease any more.
    pub fn retain(&mut self, is_lease: impl Fn(Mac) -> bool) {
        let gone: Vec<_> = self.by.keys().copied().filter(|mac| !is_lease(*mac)).collect();
        gone.into_iter().for_each(|mac| self.remove(mac));
    }

    /// As it is written.
    pub fn content(&self) -> BTreeMap<String, String> {
        self.by.iter().map(|(mac, card)| (mac.to_string(), card.to_string())).collect()
    }

    /// As it was written; what is damaged is left out.
    pub fn read(&mut self, content: BTreeMap<String, String>) {
        for (mac, card) in content {
            if let (Ok(mac), Ok(card)) = (mac.parse(), card.parse()) {
                self.insert(mac, card);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Taken;
    use crate::wire::Mac;

    #[test]
    fn what_each_card_took_is_counted() {
        let mac = |n| Mac([2, 0, 0, 0, 0, n]);
        let mut taken = Taken::default();
        for n in 1..=5 {
            taken.insert(mac(n), mac(1));
        }
        taken.insert(mac(5), mac(9));
        assert_eq!((taken.count(mac(1)), taken.count(mac(9)), taken.count(mac(2))), (4, 1, 0));
        (0..2).for_each(|_| taken.remove(mac(4)));
        assert_eq!(taken.count(mac(1)), 3);
        let mut content = taken.content();
        content.insert("x".to_owned(), "y".to_owned());
        let mut again = Taken::default();
        again.read(content);
        again.retain(|one| one != mac(3));
        assert_eq!((again.count(mac(1)), again.count(mac(9))), (2, 1));
    }
}
