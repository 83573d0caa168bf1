//! Defaults of the machine: what runs it and how large it is.

use serde_json::{Value, json};

use crate::lima::{Audio, Firmware, Image, Int, MountType, Os, Video};
use crate::{Arch, ByteSize, HostFacts, Lima, LimaVersion};

/// Fills in what the machine is made of.
pub(super) fn fill(lima: &mut Lima, host: &HostFacts, creator: &LimaVersion) {
    lima.os.get_or_insert_default();
    let arch = *lima.arch.get_or_insert(host.arch);
    lima.vm_type.get_or_insert_with(|| default_driver(host, arch));
    if lima.cpus.is_none_or(|cpus| cpus.0 == 0) {
        lima.cpus = Some(Int::from(host.cpus.clamp(1, 4)));
    }
    lima.memory.get_or_insert_with(|| default_memory(host.memory));
    lima.disk.get_or_insert(ByteSize::gib(100));
    for image in lima.images.iter_mut().flatten() {
        fill_image(image, arch);
    }
    let firmware = lima.firmware.get_or_insert_with(Firmware::default);
    firmware.legacy_bios.get_or_insert(false);
    for image in firmware.images.iter_mut().flatten() {
        image.arch.get_or_insert(arch);
    }
    screen_and_sound(lima);
    mount_type(lima, creator);
    driver_options(lima);
    lima.nested_virtualization.get_or_insert(false);
    lima.tpm.get_or_insert(false);
    lima.plain.get_or_insert(false);
}

/// The first that can run the architecture. Only QEMU runs another than the host's.
fn default_driver(host: &HostFacts, arch: Arch) -> String {
    let can = |driver: &&String| arch == host.arch || *driver == "qemu";
    host.drivers.iter().find(can).map_or_else(|| "qemu".to_owned(), Clone::clone)
}

/// The smaller of 4GiB and half of the host's, with the four digits that Lima prints it with.
fn default_memory(host: u64) -> ByteSize {
    ByteSize(ByteSize::gib(4).0.min(host / 2)).rounded()
}

fn fill_image(image: &mut Image, arch: Arch) {
    let arch = *image.arch.get_or_insert(arch);
    if let Some(kernel) = &mut image.kernel {
        kernel.arch.get_or_insert(arch);
    }
    if let Some(initrd) = &mut image.initrd {
        initrd.arch.get_or_insert(arch);
    }
}

fn screen_and_sound(lima: &mut Lima) {
    let audio = lima.audio.get_or_insert_with(Audio::default);
    audio.device.get_or_insert_default();
    audio.interface.get_or_insert_default();
    let video = lima.video.get_or_insert_with(Video::default);
    if video.display.as_ref().is_none_or(String::is_empty) {
        video.display = Some("none".to_owned());
    }
    let vnc = video.vnc.get_or_insert_default();
    if lima.vm_type.as_deref() == Some("qemu") && vnc.display.as_ref().is_none_or(String::is_empty)
    {
        vnc.display = Some("127.0.0.1:0,to=9".to_owned());
    }
}

/// Each driver has its own default. An external driver's is not known here.
fn mount_type(lima: &mut Lima, creator: &LimaVersion) {
    let unsupported = lima.mount_types_unsupported.as_deref().unwrap_or_default();
    let nine_p = !unsupported.contains(&MountType::NineP) && creator.is_at_least([1, 0, 0]);
    let default = match lima.vm_type.as_deref() {
        Some("qemu") if nine_p => MountType::NineP,
        Some("qemu") => MountType::ReverseSshfs,
        Some("vz" | "krunkit") => MountType::Virtiofs,
        Some("wsl2") => MountType::Wsl2,
        _ => return,
    };
    lima.mount_type.get_or_insert(default);
}

/// vz states its defaults in `vmOpts`, QEMU leaves its to run time.
fn driver_options(lima: &mut Lima) {
    if lima.vm_type.as_deref() != Some("vz") {
        return;
    }
    let linux = lima.os == Some(Os::Linux);
    let opts = lima.vm_opts.get_or_insert_default().entry("vz".to_owned()).or_insert(Value::Null);
    if opts.is_null() {
        *opts = json!({});
    }
    let Some(opts) = opts.as_object_mut() else { return };
    let rosetta = opts.entry("rosetta").or_insert_with(|| json!({}));
    if rosetta.is_null() {
        *rosetta = json!({});
    }
    for key in ["enabled", "binfmt"] {
        let Some(rosetta) = rosetta.as_object_mut() else { break };
        let flag = rosetta.entry(key).or_insert(Value::Null);
        if flag.is_null() {
            *flag = false.into();
        }
    }
    // That of a macOS guest depends on the host's macOS.
    if linux && opts.get("diskImageFormat").is_none_or(Value::is_null) {
        opts.insert("diskImageFormat".to_owned(), "raw".into());
    }
    lima.ssh.get_or_insert_default().over_vsock.get_or_insert(linux);
}
