//! Running instances: start, wait, stop.

mod disks;
mod forward;
mod log;
mod mounts;
mod ready;
mod remedies;
mod snapshots;
mod start;
mod stop;

use limekiln_engine::EngineError;
use limekiln_hostagent::InstanceFiles;
use limekiln_model::Name;

use crate::observe::agent_pid;
use crate::paths::Paths;

pub(crate) use disks::{attach, detach, order, resize_disk};
pub(crate) use forward::forward;
pub(crate) use mounts::{mount, reload};
pub(crate) use ready::await_ready;
pub(crate) use snapshots::{disks as disks_of, forget, probe, restore, take};
pub(crate) use start::{Host, start};
pub(crate) use stop::stop;

/// The files of an instance that has a host agent; an error if it has none.
fn running(paths: &Paths, name: &Name) -> Result<InstanceFiles, EngineError> {
    let files = InstanceFiles::new(paths.instance(name));
    match agent_pid(files.dir()) {
        Some(_) => Ok(files),
        None => Err(does_not_run(name)),
    }
}

fn does_not_run(name: &Name) -> EngineError {
    EngineError::precondition(format!("instance/{name} does not run"))
}
