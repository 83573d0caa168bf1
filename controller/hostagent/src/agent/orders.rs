//! Carrying out orders while the VM runs.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::agent::{Agent, Known};
use super::probing::Probing;
use super::provisioning::Provisioning;
use crate::api::Order;
use crate::disks::{DiskSet, SnapshotSet};
use crate::driver::Machine;

/// Carries out orders, one after the other, until what it gives is dropped.
pub(super) fn listen(agent: &Agent, machine: &dyn Machine, known: Known) -> AbortOnDropHandle<()> {
    let disks = DiskSet {
        args: agent.args.clone(),
        files: agent.spec.files.clone(),
        session: agent.session.clone(),
        shared: Arc::clone(&agent.shared),
        disks: machine.disks(),
        locks: agent.locks.clone(),
    };
    let snapshots = SnapshotSet {
        files: agent.spec.files.clone(),
        session: agent.session.clone(),
        shared: Arc::clone(&agent.shared),
        mounts: Arc::clone(&agent.mounts),
        snapshots: machine.snapshots(),
    };
    let probing = Probing {
        args: agent.args.clone(),
        files: agent.spec.files.clone(),
        session: agent.session.clone(),
    };
    let provisioning = Provisioning {
        args: agent.args.clone(),
        files: agent.spec.files.clone(),
        session: agent.session.clone(),
        shared: Arc::clone(&agent.shared),
    };
    let mut orders = agent.shared.take_orders();
    AbortOnDropHandle::new(tokio::spawn(async move {
        disks.count_places().await;
        if known == Known::Ready {
            disks.take_over().await;
        }
        while let Some(given) = orders.recv().await {
            let outcome = match &given.order {
                Order::GrowDisk { disk, bytes } => disks.grow(disk.as_deref(), *bytes).await,
                Order::AttachDisk { disk } => disks.attach(disk).await,
                Order::SaveSnapshot { tag } => snapshots.save(tag).await,
                Order::SaveDisks { tag } => snapshots.save_disks(tag).await,
                Order::LoadSnapshot { tag } => snapshots.load(tag).await,
                Order::DeleteSnapshot { tag } => snapshots.delete(tag).await,
                Order::Probe => probing.once().await,
                Order::Provision => provisioning.once().await,
                Order::DetachDisk { disk } => disks.detach(disk).await,
            };
            // Whoever gave it may have gone.
            let _ = given.done.send(outcome);
        }
    }))
}
