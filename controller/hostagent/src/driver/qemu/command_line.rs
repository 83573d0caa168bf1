//! The command line of QEMU 7.2 and newer, in Lima's order, so that the two compare well.

use std::ffi::OsString;

use super::args::{Args, escaped};
use super::network::network;
use super::{devices, machine_type, places};
use crate::accel::Accelerator;
use crate::spec::{Firmware, MountKind, Screen, VmSpec};

/// Everything after the program.
pub fn command_line(spec: &VmSpec, accelerator: Accelerator) -> Vec<OsString> {
    let mut args = Args::default();
    isolation(&mut args, spec);
    machine(&mut args, spec, accelerator);
    boot_disk(&mut args, spec);
    disks(&mut args, spec);
    kernel(&mut args, spec);
    devices::tpm(&mut args, spec);
    network(&mut args, spec);
    args.pair("-device", "virtio-rng-pci");
    devices::sound(&mut args, spec);
    devices::screen(&mut args, spec);
    args.pair("-parallel", "none");
    consoles(&mut args, spec);
    mounts(&mut args, spec);
    control(&mut args, spec);
    args.into_vec()
}

/// No configuration of the user's, no new processes or privileges for a guest that breaks out.
/// Libraries of windows and of sound servers start programs of their own, and would end QEMU.
fn isolation(args: &mut Args, spec: &VmSpec) {
    args.flag("-no-user-config");
    let desktop = matches!(spec.devices.screen, Screen::Window(_)) || spec.devices.sound.is_some();
    let spawn = if desktop { "allow" } else { "deny" };
    if cfg!(target_os = "linux") {
        args.pair(
            "-sandbox",
            format!("on,obsolete=deny,elevateprivileges=deny,spawn={spawn},resourcecontrol=deny"),
        );
    }
}

fn machine(args: &mut Args, spec: &VmSpec, accelerator: Accelerator) {
    args.pair("-m", spec.memory_mib.to_string());
    if spec.mounts.iter().any(|mount| matches!(mount.kind, MountKind::Virtiofs { .. })) {
        shared_memory(args, spec.memory_mib);
    }
    let chosen = spec.cpu_model.as_deref();
    args.pair("-cpu", machine_type::cpu(chosen, accelerator));
    for arg in machine_type::machine(spec.arch, accelerator, spec.nested) {
        args.flag(&arg);
    }
    args.pair("-smp", machine_type::processors(spec.arch, accelerator, spec.cpus));
    if let Firmware::Uefi(code) = &spec.firmware {
        args.path("-drive", "if=pflash,format=raw,readonly=on,file=", code, "");
    }
    args.pair("-device", "qemu-xhci,id=usb-bus");
}

/// virtiofsd reads and writes the guest's memory. Lima keeps it in /dev/shm, which is small in a
/// container.
fn shared_memory(args: &mut Args, mebibytes: u64) {
    let size = mebibytes << 20;
    args.pair("-object", format!("memory-backend-memfd,id=virtiofs-shm,size={size},share=on"));
    args.pair("-machine", "memory-backend=virtiofs-shm");
}

fn boot_disk(args: &mut Args, spec: &VmSpec) {
    let format = spec.disk.format.word();
    let disk = format!("format={format},discard=on,id=boot-disk,if=none,file=");
    args.path("-drive", &disk, &spec.disk.path, "");
    let bus = machine_type::virtio_bus(spec.arch);
    // With an ISO to start from, the disk comes second.
    let index = if spec.iso.is_some() { 2 } else { 1 };
    args.pair("-device", format!("virtio-blk-{bus},drive=boot-disk,bootindex={index}"));
    let order = if spec.iso.is_some() { "d" } else { "c" };
    args.pair("-boot", format!("order={order},splash-time=0,menu=on"));
    if let Some(iso) = &spec.iso {
        args.path("-drive", "format=raw,media=cdrom,readonly=on,file=", iso, "");
    }
}

/// In order: the guest's names follow from it (`vdb`, `vdc`, then the seed as `sr0`).
fn disks(args: &mut Args, spec: &VmSpec) {
    if places::has_places(spec.arch) {
        places::at_start(args, spec);
    }
    for disk in spec.disks.iter().filter(|_| !places::has_places(spec.arch)) {
        let before = format!("format={},if=virtio,discard=on,file=", disk.format.word());
        args.path("-drive", &before, &disk.path, "");
    }
    let cidata = "id=cdrom0,if=none,format=raw,readonly=on,file=";
    args.path("-drive", cidata, &spec.cidata, "");
    args.pair("-device", format!("virtio-scsi-{},id=scsi0", machine_type::virtio_bus(spec.arch)));
    args.pair("-device", "scsi-cd,bus=scsi0.0,drive=cdrom0");
}

fn kernel(args: &mut Args, spec: &VmSpec) {
    let Some(kernel) = &spec.kernel else { return };
    args.pair("-kernel", &kernel.kernel);
    args.pair("-append", &kernel.cmdline);
    if let Some(initrd) = &kernel.initrd {
        args.pair("-initrd", initrd);
    }
}

fn consoles(args: &mut Args, spec: &VmSpec) {
    console(args, spec, "char-serial", "serial");
    args.pair("-serial", "chardev:char-serial");
    if machine_type::has_pci_serial(spec.arch) {
        console(args, spec, "char-serial-pci", "serialp");
        args.pair("-device", "pci-serial,chardev=char-serial-pci");
    }
    console(args, spec, "char-serial-virtio", "serialv");
    args.pair("-device", "virtio-serial-pci,id=virtio-serial0,max_ports=2");
    args.pair("-device", "virtconsole,chardev=char-serial-virtio,id=console0");
    guest_agent(args, spec);
}

/// A port for the guest agent, under the name that Lima gives it on hosts where it has one.
fn guest_agent(args: &mut Args, spec: &VmSpec) {
    let socket = "socket,id=char-guest-agent,server=on,wait=off,path=";
    args.path("-chardev", socket, &spec.files.guest_port(), "");
    let port = "virtserialport,chardev=char-guest-agent,name=io.lima-vm.guest_agent.0";
    args.pair("-device", port);
}

/// A socket that a user may connect to, and a log of all output.
fn console(args: &mut Args, spec: &VmSpec, id: &str, stem: &str) {
    let mut value = OsString::from(format!("socket,id={id},server=on,wait=off,path="));
    value.push(escaped(&spec.files.file(&format!("{stem}.sock"))));
    value.push(",logfile=");
    value.push(escaped(&spec.files.file(&format!("{stem}.log"))));
    args.pair("-chardev", value);
}

/// Host directories, from QEMU itself or from a virtiofsd each.
fn mounts(args: &mut Args, spec: &VmSpec) {
    for (index, mount) in spec.mounts.iter().enumerate() {
        let tag = mount.tag();
        match &mount.kind {
            MountKind::ReverseSshfs { .. } => {}
            MountKind::NineP { security_model, .. } => {
                let before = format!("local,mount_tag={tag},security_model={security_model},path=");
                let after = if mount.writable { "" } else { ",readonly=on" };
                args.path("-virtfs", &before, &mount.location, after);
            }
            MountKind::Virtiofs { queue_size } => {
                let chardev = format!("char-virtiofs-{index}");
                let before = format!("socket,id={chardev},path=");
                args.path("-chardev", &before, &spec.files.virtiofsd_sock(index), "");
                let bus = machine_type::virtio_bus(spec.arch);
                args.pair(
                    "-device",
                    format!(
                        "vhost-user-fs-{bus},queue-size={queue_size},chardev={chardev},tag={tag}"
                    ),
                );
            }
        }
    }
}

fn control(args: &mut Args, spec: &VmSpec) {
    let qmp = "socket,id=char-qmp,server=on,wait=off,path=";
    args.path("-chardev", qmp, &spec.files.qmp_sock(), "");
    args.pair("-qmp", "chardev:char-qmp");
    if spec.is_introduced() {
        args.flag("-S");
    }
    args.pair("-name", format!("lima-{}", spec.name));
    args.pair("-pidfile", spec.files.qemu_pid());
}
