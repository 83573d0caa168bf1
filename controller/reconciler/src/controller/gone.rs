//! Since when what is gone is so.

use std::collections::BTreeMap;

use limekiln_model::ObjectId;

/// What is in no manifest any more, by the look at the sources at which that was first seen.
#[derive(Debug, Default)]
pub(super) struct Gone(BTreeMap<ObjectId, u64>);

impl Gone {
    /// At this look, these are gone; since which look each is.
    pub(super) fn seen<'a>(
        &mut self,
        gone: impl Iterator<Item = &'a ObjectId>,
        look: u64,
    ) -> &BTreeMap<ObjectId, u64> {
        let before = std::mem::take(&mut self.0);
        self.0 = gone.map(|id| (id.clone(), before.get(id).copied().unwrap_or(look))).collect();
        &self.0
    }

    /// The last look at which something more was gone.
    pub(super) fn latest(&self) -> Option<u64> {
        self.0.values().max().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_back_and_gone_again_is_so_since_then() {
        let [a, b] = ["disk/a", "disk/b"].map(|id| id.parse::<ObjectId>().expect("an id"));
        let mut gone = Gone::default();
        assert_eq!(gone.seen([&a].into_iter(), 1)[&a], 1);
        let both = gone.seen([&a, &b].into_iter(), 2);
        assert_eq!((both[&a], both[&b]), (1, 2));
        assert_eq!(gone.seen([&b].into_iter(), 3).len(), 1);
        assert_eq!(gone.seen([&a, &b].into_iter(), 4)[&a], 4);
    }
}
