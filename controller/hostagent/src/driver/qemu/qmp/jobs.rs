//! Commands for snapshots, which are jobs (QEMU: qapi/migration.json, since 6.0).

use serde::Deserialize;
use serde_json::{Value, json};

use super::command::{Command, Nothing};

/// Asks for the processors that the machine has and could have (QEMU: qapi/machine.json). Machines
/// that can't get any refuse it.
#[derive(Debug)]
pub struct QueryProcessors;

impl Command for QueryProcessors {
    const NAME: &'static str = "query-hotpluggable-cpus";
    type Return = Vec<Processor>;
}

/// A processor, or room for one.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Processor {
    /// Where it is; `None` for one that could be.
    pub qom_path: Option<String>,
}

/// Begins to keep the machine's state under a tag.
#[derive(Debug)]
pub struct SnapshotSave<'a>(pub State<'a>);

/// Begins to go back to a state.
#[derive(Debug)]
pub struct SnapshotLoad<'a>(pub State<'a>);

/// Begins to forget a state.
#[derive(Debug)]
pub struct SnapshotDelete<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The tag.
    pub tag: &'a str,
    /// The nodes that have it.
    pub nodes: &'a [String],
}

/// Where a state is.
#[derive(Debug)]
pub struct State<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The tag.
    pub tag: &'a str,
    /// The node that has the memory.
    pub memory: &'a str,
    /// All nodes.
    pub nodes: &'a [String],
}

impl State<'_> {
    fn arguments(&self) -> Value {
        json!({ "job-id": self.job, "tag": self.tag, "vmstate": self.memory, "devices": self.nodes })
    }
}

impl Command for SnapshotSave<'_> {
    const NAME: &'static str = "snapshot-save";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        self.0.arguments()
    }
}

impl Command for SnapshotLoad<'_> {
    const NAME: &'static str = "snapshot-load";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        self.0.arguments()
    }
}

impl Command for SnapshotDelete<'_> {
    const NAME: &'static str = "snapshot-delete";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({ "job-id": self.job, "tag": self.tag, "devices": self.nodes })
    }
}

/// Keeps the state of several disks at one moment.
#[derive(Debug)]
pub struct SnapshotDisks<'a> {
    /// The tag.
    pub tag: &'a str,
    /// The nodes.
    pub nodes: &'a [String],
}

impl Command for SnapshotDisks<'_> {
    const NAME: &'static str = "transaction";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        let keep = |node: &String| {
            json!({
                "type": "blockdev-snapshot-internal-sync",
                "data": { "device": node, "name": self.tag },
            })
        };
        json!({ "actions": self.nodes.iter().map(keep).collect::<Vec<_>>() })
    }
}

/// Asks for all jobs.
#[derive(Debug)]
pub struct QueryJobs;

impl Command for QueryJobs {
    const NAME: &'static str = "query-jobs";
    type Return = Vec<Job>;
}

/// A job.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// `concluded` when it has ended.
    pub status: String,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// Forgets a job that has ended.
#[derive(Debug)]
pub struct DismissJob<'a>(pub &'a str);

impl Command for DismissJob<'_> {
    const NAME: &'static str = "job-dismiss";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({ "id": self.0 })
    }
}

/// Asks what keeps the machine's state from being saved.
#[derive(Debug)]
pub struct QueryMigrate;

impl Command for QueryMigrate {
    const NAME: &'static str = "query-migrate";
    type Return = Migration;
}

/// What keeps the machine's state from being saved.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Migration {
    /// QEMU's reasons.
    #[serde(default)]
    pub blocked_reasons: Vec<String>,
}

/// Asks for QEMU's version.
#[derive(Debug)]
pub struct QueryVersion;

impl Command for QueryVersion {
    const NAME: &'static str = "query-version";
    type Return = Version;
}

/// QEMU's version.
#[derive(Clone, Debug, Deserialize)]
pub struct Version {
    /// Its numbers.
    pub qemu: Numbers,
    /// Who made it.
    pub package: String,
}

/// `major.minor.micro`.
#[derive(Clone, Debug, Deserialize)]
pub struct Numbers {
    /// The first.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third.
    pub micro: u32,
}
