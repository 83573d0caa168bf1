//! Why an object is not where it should be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Change, ObjectId};

/// Why an object waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "reason")]
pub enum WaitReason {
    /// Its manifest is not valid.
    Frozen {
        /// What is wrong.
        why: String,
    },
    /// A name, a disk or a network that it needs exists neither in the manifests nor on the host.
    Missing {
        /// What.
        object: ObjectId,
    },
    /// It depends on itself.
    Cycle {
        /// The members, the first one again at the end.
        path: Vec<ObjectId>,
    },
    /// Two objects claim one thing: a disk, a host port, a name.
    Conflict {
        /// The other one.
        with: ObjectId,
        /// What both claim, in words.
        over: String,
    },
    /// It exists on the host and is not ours.
    NotOurs,
    /// Something it depends on is not ready, or cannot become so.
    Dependency {
        /// What.
        on: ObjectId,
    },
    /// It needs a restart, which `maxDisruption` does not allow.
    RestartRequired {
        /// The fields.
        changes: Vec<Change>,
    },
    /// It needs to be made anew, which `maxDisruption` does not allow.
    RecreateRequired {
        /// The fields.
        changes: Vec<Change>,
    },
    /// It asks for something that is never done.
    Refused {
        /// The fields.
        changes: Vec<Change>,
    },
    /// The host cannot hold it: a path too long, too little memory, a port that is taken.
    Host {
        /// What, with the figures.
        why: String,
    },
    /// It is no longer in the manifests, and pruning was not asked for or is over its budget.
    Unpruned {
        /// Which.
        why: String,
    },
    /// `suspend: true`.
    Suspended,
    /// Lima's `protected` marker is set, and the step would delete it.
    Protected,
    /// Its files are broken in a way that needs a person.
    Broken {
        /// How.
        why: String,
    },
}

/// One object's reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Why it waits.
    pub reason: WaitReason,
    /// What the user can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Something to know of an object that does not keep it from where it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What, as a sentence whose subject is the object.
    pub text: String,
    /// What the user can do.
    pub hint: String,
}

/// For each object that is not yet where it should be, and that the plan does not bring there:
/// what it waits for, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Reasons by object.
    pub waiting: BTreeMap<ObjectId, Vec<Waiting>>,
    /// What else is to be told, by object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<ObjectId, Vec<Note>>,
}

impl Report {
    /// Adds a reason.
    pub fn add(&mut self, id: ObjectId, reason: WaitReason, hint: Option<String>) {
        self.waiting.entry(id).or_default().push(Waiting { reason, hint });
    }

    /// Tells something for which nothing waits.
    pub fn note(&mut self, id: ObjectId, note: Note) {
        self.notes.entry(id).or_default().push(note);
    }

    /// Whether every object is where it should be, or will be when the plan has run.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
