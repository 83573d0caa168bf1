//! Disks of a QEMU that runs.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::places;
use super::qmp::{
    AddDevice, BlockNode, BlockResize, DeleteDevice, DeleteNode, Peripherals, Qmp, QmpError,
    QueryBlock, QueryNodes,
};
use crate::disks::mend;
use crate::driver::{DriverError, LiveDisks, Place};
use crate::files::InstanceFiles;
use crate::spec::AttachedDisk;

/// How long a guest may take to let go of a device. A Linux guest's slot is switched off five
/// seconds after the button is pressed.
const UNPLUG: Duration = Duration::from_secs(30);
/// A guest that still looks for the device misses the request, so it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(8);
/// How long QEMU may count a disk as used whose device is gone.
const CLOSE: Duration = Duration::from_secs(5);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(100);

/// Disks of a QEMU that runs. Every call has its own connection, because QEMU serves one.
#[derive(Debug)]
pub(super) struct QemuDisks {
    files: InstanceFiles,
}

impl QemuDisks {
    pub(super) fn new(files: InstanceFiles) -> Self {
        Self { files }
    }

    async fn connect(&self) -> Result<Qmp, QmpError> {
        Qmp::connect(&self.files.qmp_sock()).await
    }

    /// Waits until the device is gone, and asks the guest for it now and then.
    async fn wait_until_gone(&self, number: usize) -> Result<(), DriverError> {
        let (start, id) = (Instant::now(), places::device_id(number));
        let mut asked = None;
        while start.elapsed() < UNPLUG {
            let mut qmp = self.connect().await?;
            let devices = qmp.execute(&Peripherals).await?;
            if !devices.iter().any(|device| device.name == id) {
                return Ok(());
            }
            if asked.is_none_or(|asked: Instant| asked.elapsed() > ASK_AGAIN) {
                match qmp.execute(&DeleteDevice(&id)).await {
                    // It has been asked, perhaps by an earlier host agent, or is gone just now.
                    Ok(_) | Err(QmpError::Refused { .. }) => asked = Some(Instant::now()),
                    Err(error) => return Err(error.into()),
                }
            }
            drop(qmp);
            sleep(LOOK).await;
        }
        Err(DriverError::Held(UNPLUG))
    }
}

#[async_trait]
impl LiveDisks for QemuDisks {
    async fn size(&self, disk: &Path) -> Result<Option<u64>, DriverError> {
        let nodes = self.connect().await?.execute(&QueryNodes).await?;
        Ok(node_of(&nodes, disk).map(|node| node.image.virtual_size))
    }

    async fn grow(&self, disk: &Path, bytes: u64) -> Result<(), DriverError> {
        let mut qmp = self.connect().await?;
        let nodes = qmp.execute(&QueryNodes).await?;
        let node = node_of(&nodes, disk).ok_or_else(|| DriverError::NoDisk(disk.to_owned()))?;
        if node.image.virtual_size < bytes {
            qmp.execute(&BlockResize { node: &node.node_name, bytes }).await?;
        }
        Ok(())
    }

    async fn places(&self) -> Result<Vec<Place>, DriverError> {
        let mut qmp = self.connect().await?;
        places_in(&mut qmp).await
    }

    async fn plug(&self, disk: &AttachedDisk) -> Result<(), DriverError> {
        let mut qmp = self.connect().await?;
        let places = places_in(&mut qmp).await?;
        if places.iter().any(|place| place.disk.as_deref() == Some(&disk.path)) {
            return Ok(());
        }
        let nodes = qmp.execute(&QueryNodes).await?;
        let node = node_of(&nodes, &disk.path);
        // It came with the start of an older machine, which has no places.
        if node.is_some_and(|node| node.node_name != disk.serial()) {
            return Ok(());
        }
        let free = places.iter().find(|place| place.disk.is_none());
        let number = free.ok_or(DriverError::NoPlace(places.len()))?.number;
        // An earlier try may have come so far.
        if node.is_none() {
            // Whose VM died at work on its snapshots, maybe.
            mend(&disk.path).map_err(|error| DriverError::Disk(Box::new(error)))?;
            qmp.execute(&places::open(disk)).await?;
        }
        qmp.execute(&AddDevice(places::device(number, disk))).await?;
        Ok(())
    }

    async fn unplug(&self, disk: &AttachedDisk) -> Result<(), DriverError> {
        let mut qmp = self.connect().await?;
        let places = places_in(&mut qmp).await?;
        drop(qmp);
        if let Some(place) = places.iter().find(|place| place.disk.as_deref() == Some(&disk.path)) {
            self.wait_until_gone(place.number).await?;
        }
        let mut qmp = self.connect().await?;
        let nodes = qmp.execute(&QueryNodes).await?;
        if nodes.iter().any(|node| node.node_name == disk.serial()) {
            close(&mut qmp, disk.serial()).await?;
        } else if node_of(&nodes, &disk.path).is_some() {
            // Of a start by an older host agent, or by Lima's.
            return Err(DriverError::Fixed);
        }
        Ok(())
    }
}

/// Closes a disk whose device is gone. QEMU counts it as used for a moment longer, until no thread
/// of its own can be looking at the device any more.
async fn close(qmp: &mut Qmp, node: &str) -> Result<(), QmpError> {
    let start = Instant::now();
    loop {
        match qmp.execute(&DeleteNode(node)).await {
            Err(QmpError::Refused { .. }) if start.elapsed() < CLOSE => sleep(LOOK).await,
            closed => return closed.map(drop),
        }
    }
}

async fn places_in(qmp: &mut Qmp) -> Result<Vec<Place>, DriverError> {
    let devices = qmp.execute(&Peripherals).await?;
    let blocks = qmp.execute(&QueryBlock).await?;
    let mut places: Vec<_> = devices
        .iter()
        .filter_map(|device| places::number_of(&device.name))
        .map(|number| {
            let device = blocks.iter().find(|block| places::place_of(&block.qdev) == Some(number));
            let inserted = device.and_then(|device| device.inserted.as_ref());
            Place { number, disk: inserted.map(|inserted| inserted.file.clone()) }
        })
        .collect();
    places.sort_by_key(|place| place.number);
    Ok(places)
}

/// The node with the disk's format, which is the one that devices see; below it lies the file.
pub(super) fn node_of<'a>(nodes: &'a [BlockNode], disk: &Path) -> Option<&'a BlockNode> {
    let formats = ["qcow2", "raw"];
    nodes.iter().find(|node| node.file == disk && formats.contains(&&*node.drv))
}
