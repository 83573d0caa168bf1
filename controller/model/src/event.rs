//! What happens while a plan runs.

use serde::{Deserialize, Serialize};

use crate::StepId;

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Progress {
    /// Bytes of a known or unknown total.
    Bytes {
        /// What is counted: `download`, `decompress`, `verify`.
        what: String,
        /// Bytes so far.
        done: u64,
        /// Bytes in all.
        total: Option<u64>,
    },
    /// A line of what it waits for or does: `waits for SSH`.
    Message {
        /// The line.
        text: String,
    },
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "outcome")]
pub enum StepOutcome {
    /// Done.
    Done,
    /// Failed for good.
    Failed {
        /// The error and its causes, one line.
        error: String,
        /// What the user can do.
        hint: Option<String>,
    },
    /// Not begun, because something before it failed.
    Skipped,
    /// Not begun, or stopped at a safe point, because the run was cancelled.
    Cancelled,
}

/// One line of a run. The command line draws bars from these, the log records them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum Event {
    /// A step began.
    Started {
        /// Which.
        step: StepId,
    },
    /// A step got on.
    Progressed {
        /// Which.
        step: StepId,
        /// How far.
        progress: Progress,
    },
    /// A step failed in a way that may pass, and is tried again.
    Retrying {
        /// Which.
        step: StepId,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Milliseconds until the next one.
        delay_ms: u64,
        /// What went wrong.
        error: String,
    },
    /// A step ended.
    Finished {
        /// Which.
        step: StepId,
        /// How.
        outcome: StepOutcome,
    },
}
