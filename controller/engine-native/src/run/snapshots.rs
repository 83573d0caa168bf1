//! Snapshots before a change, and the way back.
//!
//! They hold the disks and `lima.yaml`, and not the machine's memory: what they go back to is what
//! the guest would find after a power cut right then, with everything written that it had in memory.

use std::fs;
use std::path::PathBuf;

use limekiln_api::read_lima;
use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::api::Order;
use limekiln_hostagent::{InstanceFiles, atomic};
use limekiln_model::Name;

use super::disks::order;
use crate::disks::data;
use crate::error::{blocking, file, write};
use crate::observe::{agent_pid, lives};
use crate::paths::Paths;
use crate::snapshot::{Change, change, with_tag};

/// Keeps disks and configuration under a tag.
pub(crate) async fn take(
    paths: &Paths,
    name: &Name,
    tag: &str,
    context: &ActionContext,
) -> Result<(), EngineError> {
    keep_yaml(paths, name, tag)?;
    if agent_pid(&paths.instance(name)).is_some() {
        return order(paths, name, Order::SaveDisks { tag: tag.to_owned() }, context).await;
    }
    on_disks(paths, name, tag, Change::Keep).await
}

/// Runs the probes of a running instance.
pub(crate) async fn probe(
    paths: &Paths,
    name: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    order(paths, name, Order::Probe, context).await.map_err(|error| {
        EngineError::permanent(error.message).hint(format!("look inside: limekiln shell {name}"))
    })
}

/// Goes back, of a stopped instance.
pub(crate) async fn restore(paths: &Paths, name: &Name, tag: &str) -> Result<(), EngineError> {
    let kept = yaml(paths, name, tag);
    let text = fs::read(&kept).map_err(|error| {
        EngineError::precondition(format!("instance/{name} has no snapshot {tag} to go back to"))
            .because(error)
    })?;
    atomic::write(&paths.instance(name).join("lima.yaml"), &text, 0o644).map_err(write)?;
    on_disks(paths, name, tag, Change::GoBack).await
}

/// Forgets one.
pub(crate) async fn forget(
    paths: &Paths,
    name: &Name,
    tag: &str,
    context: &ActionContext,
) -> Result<(), EngineError> {
    if agent_pid(&paths.instance(name)).is_some() {
        order(paths, name, Order::DeleteSnapshot { tag: tag.to_owned() }, context).await?;
    } else {
        on_disks(paths, name, tag, Change::Forget).await?;
    }
    let kept = yaml(paths, name, tag);
    let _ = fs::remove_file(&kept);
    // Only if it was the last one.
    let _ = kept.parent().map(fs::remove_dir);
    Ok(())
}

/// Where the configuration of then is.
fn yaml(paths: &Paths, name: &Name, tag: &str) -> PathBuf {
    paths.instance(name).join("snapshots").join(format!("{tag}.yaml"))
}

fn keep_yaml(paths: &Paths, name: &Name, tag: &str) -> Result<(), EngineError> {
    let (from, kept) = (paths.instance(name).join("lima.yaml"), yaml(paths, name, tag));
    if kept.exists() {
        // An earlier try came so far; what is in lima.yaml now may be the change.
        return Ok(());
    }
    let text = fs::read(&from).map_err(file("read", &from))?;
    let dir = paths.instance(name).join("snapshots");
    fs::create_dir_all(&dir).map_err(file("make", &dir))?;
    atomic::write(&kept, &text, 0o644).map_err(write)
}

/// Does something with the tag on the instance's disks: on those that have it, or to keep it, on
/// those that do not.
pub(crate) async fn on_disks(
    paths: &Paths,
    name: &Name,
    tag: &str,
    what: Change,
) -> Result<(), EngineError> {
    let files = InstanceFiles::new(paths.instance(name));
    if lives(files.dir()) {
        return Err(EngineError::precondition(format!("instance/{name} runs")));
    }
    let (all, tag) = (disks(paths, name)?, tag.to_owned());
    blocking(move || {
        let with = with_tag(all.clone(), &tag)?;
        match what {
            Change::GoBack | Change::Forget => change(&with, &tag, what),
            Change::Keep => {
                let without: Vec<_> = all.into_iter().filter(|disk| !with.contains(disk)).collect();
                change(&without, &tag, what)
            }
        }
    })
    .await
}

/// The instance's own disk and its additional ones, none of which another VM uses.
pub(crate) fn disks(paths: &Paths, name: &Name) -> Result<Vec<PathBuf>, EngineError> {
    let files = InstanceFiles::new(paths.instance(name));
    let mut disks = vec![files.disk()];
    let text = fs::read_to_string(files.lima_yaml()).unwrap_or_default();
    let lima = read_lima(&text).unwrap_or_default();
    for disk in lima.additional_disks.iter().flatten() {
        let Ok(disk) = Name::new(disk.name.as_str()) else { continue };
        let dir = paths.disk(&disk);
        let holder = fs::read_link(dir.join("in_use_by"));
        if holder.is_ok_and(|holder| holder != files.dir() && lives(&holder)) {
            return Err(EngineError::precondition(format!("disk/{disk} is used by another VM")));
        }
        disks.push(data(&dir));
    }
    Ok(disks)
}
