//! Disks of running instances: their host agents change them.

use std::fs;

use limekiln_engine::{ActionContext, EngineError, ErrorClass};
use limekiln_hostagent::api::{Client, ClientError, Order};
use limekiln_model::Name;

use super::forward::NO_ROUTE;
use crate::disks;
use crate::error::blocking;
use crate::observe::{agent_pid, lives};
use crate::paths::Paths;

/// Has the host agent of a running instance carry out an order; returns when that is done. If this
/// is dropped, the host agent goes on.
pub(crate) async fn order(
    paths: &Paths,
    name: &Name,
    order: Order,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let files = super::running(paths, name)?;
    let client = Client::new(files.file("ha.sock"));
    let done = tokio::select! {
        done = client.order(&order) => done,
        () = context.cancel.cancelled() => return Err(EngineError::cancelled()),
    };
    match done {
        Ok(()) => Ok(()),
        Err(ClientError::Refused(why)) if NO_ROUTE.contains(&why.as_str()) => {
            let message =
                format!("the host agent of instance/{name} changes nothing while it runs");
            Err(EngineError::needs_human(message).hint(format!("limekiln restart {name}")))
        }
        Err(ClientError::Refused(why)) => {
            Err(EngineError::needs_human(format!("instance/{name}: {why}")))
        }
        // How far it came is seen when it is looked at again.
        Err(error) => {
            let message = format!("the host agent of instance/{name} does not answer");
            Err(EngineError::new(ErrorClass::Unknown, message).because(error))
        }
    }
}

/// Plugs a disk in, and mounts it.
pub(crate) async fn attach(
    paths: &Paths,
    name: &Name,
    disk: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    if !disks::data(&paths.disk(disk)).exists() {
        return Err(EngineError::precondition(format!("disk/{disk} does not exist")));
    }
    forget_dead_holder(paths, disk, name)?;
    order(paths, name, Order::AttachDisk { disk: disk.to_string() }, context).await
}

/// Unmounts a disk, and plugs it out.
pub(crate) async fn detach(
    paths: &Paths,
    name: &Name,
    disk: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let done = order(paths, name, Order::DetachDisk { disk: disk.to_string() }, context).await;
    done.map_err(|error| match error.class {
        ErrorClass::NeedsHuman if error.hint.is_none() => error.hint(format!(
            "end what uses /mnt/lima-{disk} in the guest, or detach it with `limekiln restart {name}`"
        )),
        _ => error,
    })
}

/// Grows an additional disk: in the running instance that has it, else by its file.
pub(crate) async fn resize_disk(
    paths: &Paths,
    disk: &Name,
    to: u64,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let lock = paths.disk(disk).join("in_use_by");
    let Some(holder) = fs::read_link(&lock).ok().filter(|holder| lives(holder)) else {
        let (paths, disk) = (paths.clone(), disk.clone());
        return blocking(move || disks::resize(&paths, &disk, to)).await;
    };
    disks::must_not_shrink(paths, disk, to)?;
    let name = holder.file_name().and_then(|name| name.to_str()).and_then(|n| Name::new(n).ok());
    match name.filter(|name| paths.instance(name) == holder && agent_pid(&holder).is_some()) {
        Some(name) => {
            let grow = Order::GrowDisk { disk: Some(disk.to_string()), bytes: to };
            order(paths, &name, grow, context).await
        }
        None => {
            Err(EngineError::precondition(format!("disk/{disk} is used by {}", holder.display())))
        }
    }
}

/// A lock of an instance that does not run holds nothing: a crash or a reboot left it.
pub(super) fn forget_dead_holder(
    paths: &Paths,
    disk: &Name,
    new: &Name,
) -> Result<(), EngineError> {
    let lock = paths.disk(disk).join("in_use_by");
    let dead =
        fs::read_link(&lock).is_ok_and(|holder| holder != paths.instance(new) && !lives(&holder));
    match if dead { fs::remove_file(&lock) } else { Ok(()) } {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(crate::error::file("remove", &lock)(error))
        }
        _ => Ok(()),
    }
}
