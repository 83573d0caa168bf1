//! A plan in a file: looked at now, run later.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use limekiln_model::{Desired, Plan, Policy, Report};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Planned, atomic};

const VERSION: u64 = 1;

/// All that it takes to run a plan later, and to refuse it when it no longer fits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// The version of this form.
    pub version: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// For which `$LIMA_HOME`.
    pub lima_home: PathBuf,
    /// What is to be done.
    pub plan: Plan,
    /// What waits, and why.
    pub report: Report,
    /// What the manifests asked for.
    pub desired: Desired,
    /// What was allowed.
    pub policy: Policy,
}

/// A file that holds no plan that can be run here.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// No permission, no space, no such file.
    #[error("cannot use {path}", path = .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something else, or damaged.
    #[error("{path} is not a plan", path = .path.display())]
    Malformed {
        /// What.
        path: PathBuf,
        /// Where it goes wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Written by a later version of this program.
    #[error("the plan has version {0}; this limekiln knows version 1")]
    Newer(u64),
    /// Made for another home.
    #[error("the plan was made for {made_for}, not for {here}", made_for = .made_for.display(), here = .here.display())]
    Elsewhere {
        /// The home of the plan.
        made_for: PathBuf,
        /// The home now.
        here: PathBuf,
    },
    /// It breaks a rule that every plan keeps.
    #[error("the plan cannot be run: {0}")]
    Unsound(String),
}

impl SavedPlanError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::Newer(_) => Some("use the limekiln that made it"),
            _ => Some("make a plan with `limekiln plan -o FILE`"),
        }
    }
}

impl SavedPlan {
    /// The plan as it is to be saved.
    pub fn new(planned: &Planned, lima_home: &Path) -> Self {
        Self {
            version: VERSION,
            made_at: Timestamp::now(),
            lima_home: lima_home.to_owned(),
            plan: planned.plan.clone(),
            report: planned.report.clone(),
            desired: planned.desired.clone(),
            policy: planned.policy.clone(),
        }
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SavedPlanError> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("plans have string keys and no failing impls");
        bytes.push(b'\n');
        let failed = |source| SavedPlanError::Io { path: path.to_owned(), source };
        // A bare file name has an empty parent, which is no directory.
        let path = std::path::absolute(path).map_err(failed)?;
        atomic::write(&path, &bytes).map_err(failed)
    }

    /// Reads it.
    ///
    /// # Errors
    /// If it cannot be read, is no plan, or is of a later version.
    pub fn read(path: &Path) -> Result<Self, SavedPlanError> {
        let bytes = fs::read(path)
            .map_err(|source| SavedPlanError::Io { path: path.to_owned(), source })?;
        Self::parse(&bytes, path)
    }

    /// The same as text, for another process.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plans have string keys and no failing impls")
    }

    /// From such a text.
    ///
    /// # Errors
    /// If it is no plan, or is of a later version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SavedPlanError> {
        Self::parse(bytes, Path::new("what was sent"))
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, SavedPlanError> {
        let malformed = |source| SavedPlanError::Malformed { path: path.to_owned(), source };
        let value: Value = serde_json::from_slice(bytes).map_err(malformed)?;
        match value.get("version").and_then(Value::as_u64) {
            Some(version) if version > VERSION => Err(SavedPlanError::Newer(version)),
            _ => serde_json::from_value(value).map_err(malformed),
        }
    }
}
