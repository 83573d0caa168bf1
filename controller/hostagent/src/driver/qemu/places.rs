//! Places for disks: PCIe root ports, reserved at boot, because a PCIe bus takes no device that
//! was not there when the machine was switched on (QEMU: docs/pcie.txt, "Hot-plug").

use limekiln_api::Arch;
use serde_json::{Value, json};

use super::args::Args;
use super::qmp::AddNode;
use crate::spec::{AttachedDisk, VmSpec};

/// How many places are free after a start.
const SPARE: usize = 4;
/// Functions of one PCI device: as many ports share it, so that they take few places themselves.
const FUNCTIONS: usize = 8;
/// The first PCI device of the root bus that QEMU and its machines leave to us.
const FIRST_DEVICE: usize = 0x10;

/// Whether disks of this machine can be plugged in and out. Others may do it; these were tried.
pub(super) fn has_places(arch: Arch) -> bool {
    matches!(arch, Arch::X86_64 | Arch::Aarch64)
}

/// The ports, and in the first of them the disks of the start, in order: the guest's names follow
/// from it (`vdb`, `vdc`).
pub(super) fn at_start(args: &mut Args, spec: &VmSpec) {
    for number in 0..spec.disks.len() + SPARE {
        let (device, function) = (FIRST_DEVICE + number / FUNCTIONS, number % FUNCTIONS);
        let multifunction = if function == 0 { ",multifunction=on" } else { "" };
        // Nothing of virtio 1 needs ports, of which a PC has few.
        args.pair(
            "-device",
            format!(
                "pcie-root-port,id={},chassis={},addr={device:#x}.{function}{multifunction},\
                 io-reserve=0",
                port(number),
                number + 1,
            ),
        );
    }
    for (number, disk) in spec.disks.iter().enumerate() {
        args.pair("-blockdev", open(disk).options().to_string());
        let (id, bus, serial) = (device_id(number), port(number), disk.serial());
        args.pair(
            "-device",
            format!("virtio-blk-pci,id={id},bus={bus},drive={serial},serial={serial}"),
        );
    }
}

/// The port's name.
pub(super) fn port(number: usize) -> String {
    format!("disk-port-{number}")
}

/// The number of the port of that name.
pub(super) fn number_of(port: &str) -> Option<usize> {
    port.strip_prefix("disk-port-")?.parse().ok()
}

/// The name of the device in a place.
pub(super) fn device_id(number: usize) -> String {
    format!("disk-device-{number}")
}

/// The place of a device with this path in QEMU's object model.
pub(super) fn place_of(qdev: &str) -> Option<usize> {
    let id = qdev.split('/').find(|part| part.starts_with("disk-device-"))?;
    id.strip_prefix("disk-device-")?.parse().ok()
}

/// A disk, opened.
pub(super) fn open(disk: &AttachedDisk) -> AddNode<'_> {
    // A node's name has at most 31 characters, as the serial number fits twice.
    AddNode { node: disk.serial(), format: disk.format.word(), file: &disk.path }
}

/// The device that shows an opened disk to the guest.
pub(super) fn device(number: usize, disk: &AttachedDisk) -> Value {
    json!({
        "driver": "virtio-blk-pci",
        "id": device_id(number),
        "bus": port(number),
        "drive": disk.serial(),
        "serial": disk.serial(),
    })
}
