//! A story, and its chapters.

use std::time::Duration;

use limekiln_model::ObjectId;

use super::{Armed, Catalogue, Deed, Source, Verb};

/// Something is done, and meanwhile something goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// What is done.
    pub deed: Deed,
    /// What goes wrong.
    pub faults: Vec<Armed>,
    /// How long the next chapter waits; `None` until nothing is left to do.
    pub hurry: Option<Duration>,
}

/// One schedule. Equal seeds give equal stories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// What it was drawn from.
    pub seed: u64,
    /// Instances and disks that exist in the beginning and are somebody else's.
    pub strangers: Catalogue,
    /// Where manifests come from: one directory or two.
    pub sources: Vec<Source>,
    /// Whether the chapters follow each other faster than the controller.
    pub rapid: bool,
    /// Whether it is about one thing.
    pub is_short: bool,
    /// What happens.
    pub chapters: Vec<Chapter>,
}

impl Story {
    /// Whether the manifests come from more than one directory.
    pub fn has_several_sources(&self) -> bool {
        self.sources.len() > 1
    }

    /// Whether manifests come from a repository.
    pub fn has_git(&self) -> bool {
        self.sources.iter().any(|source| source.git)
    }

    /// What somebody orders to be deleted.
    pub fn deleted_by_hand(&self) -> Vec<ObjectId> {
        let ordered = self.chapters.iter().filter_map(|chapter| match &chapter.deed {
            Deed::Order(ordered) if ordered.verb == Verb::Delete => Some(ordered.id()),
            _ => None,
        });
        ordered.collect()
    }

    /// Whether somebody goes back to an earlier revision.
    pub fn rolls_back(&self) -> bool {
        self.chapters.iter().any(|chapter| matches!(chapter.deed, Deed::RollBack { .. }))
    }

    /// Whether one of several sources cannot be seen for a while: what a controller knows of it
    /// then depends on how long it has run.
    pub fn hides_one_of_several(&self) -> bool {
        let hides = |chapter: &Chapter| matches!(chapter.deed, Deed::HideDirectory(_));
        self.has_several_sources() && self.chapters.iter().any(hides)
    }
}
