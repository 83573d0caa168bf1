//! Snapshots before a change, and the way back.
//!
//! They hold the disks and `lima.yaml`, and not the machine's memory: what they go back to is what
//! the guest would find after a power cut right then, with everything written that it had in memory.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

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
use crate::snapshot::snapshots;
use crate::tool::qemu_img;

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
    on_disks(paths, name, tag, "-c", false).await
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
    on_disks(paths, name, tag, "-a", true).await
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
        on_disks(paths, name, tag, "-d", true).await?;
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

/// Does something with the tag on the instance's own disk and on its additional ones: on those that
/// have it, or on those that do not.
async fn on_disks(
    paths: &Paths,
    name: &Name,
    tag: &str,
    what: &'static str,
    has: bool,
) -> Result<(), EngineError> {
    let files = InstanceFiles::new(paths.instance(name));
    if lives(files.dir()) {
        return Err(EngineError::precondition(format!("instance/{name} runs")));
    }
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
    let tag = tag.to_owned();
    blocking(move || disks.iter().try_for_each(|disk| on_disk(disk, &tag, what, has))).await
}

fn on_disk(disk: &Path, tag: &str, what: &str, has: bool) -> Result<(), EngineError> {
    if snapshots(disk)?.iter().any(|one| one.tag == tag) != has {
        return Ok(());
    }
    qemu_img([OsStr::new("snapshot"), what.as_ref(), tag.as_ref(), disk.as_os_str()])
}
