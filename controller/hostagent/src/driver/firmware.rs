//! UEFI images that are installed on the host.

use std::path::PathBuf;

use limekiln_api::Arch;

use crate::files::InstanceFiles;

/// The first image that exists, in Lima's order of places.
///
/// # Errors
/// There is none; the error lists where it was looked for.
pub(crate) fn find(files: &InstanceFiles, arch: Arch) -> Result<PathBuf, Vec<PathBuf>> {
    let places = places(files, arch);
    places.iter().find(|path| path.exists()).cloned().ok_or(places)
}

fn places(files: &InstanceFiles, arch: Arch) -> Vec<PathBuf> {
    let edk2 = match arch {
        Arch::Armv7l => "edk2-arm-code.fd",
        Arch::Aarch64 => "edk2-aarch64-code.fd",
        Arch::Riscv64 => "edk2-riscv-code.fd",
        _ => "edk2-x86_64-code.fd",
    };
    let mut places = vec![files.firmware()];
    if let Some(home) = std::env::var_os("HOME") {
        places.push(PathBuf::from(home).join(".local/share/qemu").join(edk2));
    }
    for prefix in ["/usr", "/usr/local", "/opt/homebrew", "/opt/local"] {
        places.push(PathBuf::from(prefix).join("share/qemu").join(edk2));
    }
    places.extend(distributions(arch).iter().map(PathBuf::from));
    places
}

/// Where Arch Linux, Debian, Ubuntu, Fedora and openSUSE put them.
fn distributions(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::X86_64 => &[
            "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
            "/usr/share/OVMF/OVMF_CODE.fd",
            "/usr/share/OVMF/OVMF_CODE_4M.fd",
            "/usr/share/edk2/ovmf/OVMF_CODE.fd",
            "/usr/share/qemu/ovmf-x86_64.bin",
            "/usr/share/qemu/ovmf-x86_64-4m.bin",
        ],
        Arch::Aarch64 => &[
            "/usr/share/edk2/aarch64/QEMU_CODE.fd",
            "/usr/share/AAVMF/AAVMF_CODE.fd",
            "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
        ],
        Arch::Armv7l => &["/usr/share/edk2/arm/QEMU_CODE.fd", "/usr/share/AAVMF/AAVMF32_CODE.fd"],
        Arch::Riscv64 => &[
            "/usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd",
            "/usr/share/edk2/riscv/RISCV_VIRT_CODE.fd",
        ],
        Arch::Ppc64le | Arch::S390x => &[],
    }
}
