//! What differs between architectures.

use limekiln_api::Arch;

use crate::accel::Accelerator;

/// QEMU's word for an architecture, as in `qemu-system-…`.
pub(super) fn system(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64",
        Arch::Aarch64 => "aarch64",
        Arch::Armv7l => "arm",
        Arch::Ppc64le => "ppc64",
        Arch::Riscv64 => "riscv64",
        Arch::S390x => "s390x",
    }
}

/// `-machine` and what goes with it. `nested` asks for guests of the guest: on x86_64 that is a
/// matter of the processor alone.
pub(super) fn machine(arch: Arch, accelerator: Accelerator, nested: bool) -> Vec<String> {
    let accel = accelerator.word();
    let machine = match arch {
        Arch::X86_64 if accelerator == Accelerator::Tcg => return x86_64_emulated(),
        Arch::X86_64 => format!("q35,accel={accel}"),
        Arch::Aarch64 if nested && accelerator == Accelerator::Tcg => {
            format!("virt,virtualization=on,accel={accel}")
        }
        Arch::Aarch64 | Arch::Armv7l => format!("virt,accel={accel}"),
        Arch::Riscv64 => format!("virt,acpi=off,accel={accel}"),
        Arch::Ppc64le => format!("pseries,accel={accel}"),
        Arch::S390x => format!("s390-ccw-virtio,accel={accel}"),
    };
    vec!["-machine".to_owned(), machine]
}

/// One thread per processor, room for translated code, and no sleep states, from which an
/// emulated guest does not wake.
fn x86_64_emulated() -> Vec<String> {
    let args = [
        "-machine",
        "q35,vmport=off",
        "-accel",
        "tcg,thread=multi,tb-size=512",
        "-global",
        "ICH9-LPC.disable_s3=1",
        "-global",
        "ICH9-LPC.disable_s4=1",
    ];
    args.map(str::to_owned).to_vec()
}

/// The processor model: the `chosen` one, or the best that there is. The host's own is none that
/// can be emulated, and an accelerator that does not work must not keep the guest from starting.
pub(super) fn cpu(chosen: Option<&str>, accelerator: Accelerator) -> &str {
    let emulated = accelerator == Accelerator::Tcg;
    match chosen.filter(|model| !(emulated && is_host(model))) {
        Some(model) => model,
        None if emulated => "max",
        None => "host",
    }
}

fn is_host(model: &str) -> bool {
    model.split(',').next() == Some("host")
}

/// `-smp`. An emulated machine that can have one processor only is translated without memory
/// barriers and with atomic instructions that are none, as if nobody else looked at its memory; but
/// its devices do, in threads of their own, and a notice of theirs that is lost holds a disk or a
/// card up for ever (QEMU takes one with barriers only from 8.1 on: commit c914d46d). So it has room
/// for a second one. For the other architectures this was not tried.
pub(super) fn processors(arch: Arch, accelerator: Accelerator, count: u32) -> String {
    let tried = matches!(arch, Arch::X86_64 | Arch::Aarch64 | Arch::Armv7l);
    if accelerator == Accelerator::Tcg && count == 1 && tried {
        return "1,maxcpus=2,sockets=1,cores=2,threads=1".to_owned();
    }
    format!("{count},sockets=1,cores={count},threads=1")
}

/// The bus of virtio devices: channel I/O on s390x, PCI elsewhere.
pub(super) fn virtio_bus(arch: Arch) -> &'static str {
    if arch == Arch::S390x { "ccw" } else { "pci" }
}

/// Whether the machine has a second serial port on PCI, for guests that expect it there.
pub(super) fn has_pci_serial(arch: Arch) -> bool {
    matches!(arch, Arch::Aarch64 | Arch::Armv7l)
}
