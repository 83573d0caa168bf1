//! Commands for disks.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::command::{Command, Nothing};

/// Asks for all block nodes, without what lies below them.
#[derive(Debug)]
pub struct QueryNodes;

impl Command for QueryNodes {
    const NAME: &'static str = "query-named-block-nodes";
    type Return = Vec<BlockNode>;

    fn arguments(&self) -> Value {
        json!({ "flat": true })
    }
}

/// A node of QEMU's block graph.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BlockNode {
    /// Its name.
    pub node_name: String,
    /// What it is: `qcow2`, `raw`, `file` and so on.
    pub drv: String,
    /// The file.
    pub file: PathBuf,
    /// Whether it is never written.
    #[serde(default)]
    pub ro: bool,
    /// What it holds.
    pub image: Image,
}

/// What a block node holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Image {
    /// Bytes that the guest sees.
    pub virtual_size: u64,
    /// States that can be gone back to.
    #[serde(default)]
    pub snapshots: Vec<ImageSnapshot>,
}

/// A snapshot in an image.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageSnapshot {
    /// Its tag.
    pub name: String,
    /// Bytes of the machine's memory that are kept with it.
    pub vm_state_size: u64,
}

/// Asks which device has which node.
#[derive(Debug)]
pub struct QueryBlock;

impl Command for QueryBlock {
    const NAME: &'static str = "query-block";
    type Return = Vec<BlockDevice>;
}

/// A device that has a disk, or could.
#[derive(Clone, Debug, Deserialize)]
pub struct BlockDevice {
    /// Its path in QEMU's object model.
    #[serde(default)]
    pub qdev: String,
    /// What is in it.
    #[serde(default)]
    pub inserted: Option<Inserted>,
}

/// What is in a device.
#[derive(Clone, Debug, Deserialize)]
pub struct Inserted {
    /// The file.
    pub file: PathBuf,
}

/// Makes a node larger or smaller; nobody here asks for the latter.
#[derive(Debug)]
pub struct BlockResize<'a> {
    /// The node.
    pub node: &'a str,
    /// Its new size.
    pub bytes: u64,
}

impl Command for BlockResize<'_> {
    const NAME: &'static str = "block_resize";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({ "node-name": self.node, "size": self.bytes })
    }
}

/// Opens a disk.
#[derive(Debug)]
pub struct AddNode<'a> {
    /// Its name from then on.
    pub node: &'a str,
    /// `qcow2` or `raw`.
    pub format: &'static str,
    /// The file.
    pub file: &'a Path,
}

impl AddNode<'_> {
    /// The node as QEMU's options have it, on the command line, too.
    pub fn options(&self) -> Value {
        json!({
            "driver": self.format,
            "node-name": self.node,
            "discard": "unmap",
            "file": { "driver": "file", "filename": self.file, "discard": "unmap" },
        })
    }
}

impl Command for AddNode<'_> {
    const NAME: &'static str = "blockdev-add";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        self.options()
    }
}

/// Closes a disk that no device has.
#[derive(Debug)]
pub struct DeleteNode<'a>(pub &'a str);

impl Command for DeleteNode<'_> {
    const NAME: &'static str = "blockdev-del";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({ "node-name": self.0 })
    }
}

/// Plugs a device in.
#[derive(Debug)]
pub struct AddDevice(pub Value);

impl Command for AddDevice {
    const NAME: &'static str = "device_add";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        self.0.clone()
    }
}

/// Asks the guest to let go of a device; it is gone some time after.
#[derive(Debug)]
pub struct DeleteDevice<'a>(pub &'a str);

impl Command for DeleteDevice<'_> {
    const NAME: &'static str = "device_del";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({ "id": self.0 })
    }
}

/// Asks for the devices that have names.
#[derive(Debug)]
pub struct Peripherals;

impl Command for Peripherals {
    const NAME: &'static str = "qom-list";
    type Return = Vec<Property>;

    fn arguments(&self) -> Value {
        json!({ "path": "/machine/peripheral" })
    }
}

/// A property of an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Property {
    /// Its name.
    pub name: String,
}
