//! Where something is left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::SkippedKind;

/// So many places are kept. Some trees are full of links, and each revision is kept with them.
const MAX_PLACES: usize = 1000;

/// Places that are left out of a tree. Of more than there is room for the directories are kept in
/// which they are: what is below these is not gone either.
#[derive(Debug, Default)]
pub(crate) struct Places {
    by_path: BTreeMap<PathBuf, SkippedKind>,
    /// Whether these are directories.
    are_parents: bool,
}

impl Places {
    /// In whatever order they come, the same are kept.
    pub(crate) fn add(&mut self, path: &Path, kind: SkippedKind) {
        self.insert(path, kind);
        if !self.are_parents && self.by_path.len() > MAX_PLACES {
            self.are_parents = true;
            for (path, kind) in std::mem::take(&mut self.by_path) {
                self.insert(&path, kind);
            }
        }
    }

    fn insert(&mut self, path: &Path, kind: SkippedKind) {
        let (path, kind) = match path.parent().filter(|_| self.are_parents) {
            Some(parent) => (parent, SkippedKind::Several),
            None => (path, kind),
        };
        self.by_path.insert(path.to_owned(), kind);
    }

    /// What is left out, sorted by path.
    pub(crate) fn into_vec(self) -> Vec<(PathBuf, SkippedKind)> {
        let mut all: Vec<_> = self.by_path.into_iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_their_directories_are_kept_in_whatever_order_they_come() {
        let kept = |numbers: &mut dyn Iterator<Item = usize>| {
            let mut places = Places::default();
            for number in numbers {
                let link = format!("m/{}/{number}", number % 2);
                places.add(Path::new(&link), SkippedKind::Link);
            }
            places.into_vec()
        };
        assert_eq!(kept(&mut (0..MAX_PLACES)).len(), MAX_PLACES);
        let directories = ["m/0", "m/1"].map(|path| (path.into(), SkippedKind::Several));
        assert_eq!(kept(&mut (0..=MAX_PLACES)), directories);
        assert_eq!(kept(&mut (0..=2 * MAX_PLACES).rev()), directories);
    }
}
