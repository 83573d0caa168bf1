//! Arguments for what a guest has only if it asks for it: display, sound, TPM.

use limekiln_api::Arch;

use super::args::Args;
use super::machine_type;
use crate::spec::{Screen, SoundCard, VmSpec};

/// In Lima's order, and as Lima has it: without a sound card there is a sound backend all the
/// same, of which nobody hears.
pub(super) fn sound(args: &mut Args, spec: &VmSpec) {
    let Some(sound) = &spec.devices.sound else {
        return args.pair("-audiodev", "none,id=snd0");
    };
    args.pair("-audiodev", format!("{},id=snd0", sound.backend));
    match sound.card {
        SoundCard::Hda => {
            args.pair("-device", "ich9-intel-hda");
            args.pair("-device", "hda-output,audiodev=snd0");
        }
        SoundCard::Virtio => args.pair("-device", "virtio-sound-pci,audiodev=snd0"),
    }
}

/// A graphics card, and a keyboard and a mouse for whoever looks at it.
pub(super) fn screen(args: &mut Args, spec: &VmSpec) {
    let pointer = match &spec.devices.screen {
        Screen::None => {
            args.pair("-display", "none");
            return args.pair("-vga", "none");
        }
        Screen::Vnc(server) => {
            args.pair("-display", format!("vnc={server},password=on"));
            // It says where it is instead of how far it moved: one cursor, not two.
            "tablet"
        }
        Screen::Window(display) => {
            args.pair("-display", display);
            "mouse"
        }
    };
    args.pair("-vga", "none");
    let bus = machine_type::virtio_bus(spec.arch);
    let card = match spec.arch {
        Arch::X86_64 | Arch::Riscv64 => "virtio-vga".to_owned(),
        _ => format!("virtio-gpu-{bus}"),
    };
    args.pair("-device", card);
    args.pair("-device", format!("virtio-keyboard-{bus}"));
    args.pair("-device", format!("virtio-{pointer}-{bus}"));
}

/// The TPM, of which swtpm is the works.
pub(super) fn tpm(args: &mut Args, spec: &VmSpec) {
    if !spec.devices.tpm {
        return;
    }
    args.path("-chardev", "socket,id=chrtpm,path=", &spec.files.swtpm_sock(), "");
    args.pair("-tpmdev", "emulator,id=tpm0,chardev=chrtpm");
    let device = if spec.arch == Arch::X86_64 { "tpm-crb" } else { "tpm-tis-device" };
    args.pair("-device", format!("{device},tpmdev=tpm0"));
}
