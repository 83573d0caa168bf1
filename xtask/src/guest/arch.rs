//! Guest architectures that we build for.

/// A guest architecture, under Lima's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    /// 64-bit PCs.
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    #[value(name = "aarch64")]
    Aarch64,
}

impl Arch {
    /// Lima's name, as in `arch:` of a template.
    pub fn lima(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Debian's name.
    pub fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// The folder below `/usr/lib` that holds its shared libraries.
    pub fn triplet(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu",
            Self::Aarch64 => "aarch64-linux-gnu",
        }
    }

    /// Where its dynamic linker must stand: the ABI fixes the path.
    pub fn linker(self) -> &'static str {
        match self {
            Self::X86_64 => "usr/lib64/ld-linux-x86-64.so.2",
            Self::Aarch64 => "usr/lib/ld-linux-aarch64.so.1",
        }
    }

    /// The console of QEMU's machine for it: a 16550 on q35, a PL011 on virt.
    pub fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }

    /// The Debian package that stands for the newest kernel fit for QEMU's machine: the small
    /// cloud flavour, except where that lacks the driver of the power button (gpio-keys on virt).
    pub fn kernel(self) -> &'static str {
        match self {
            Self::X86_64 => "linux-image-cloud-amd64",
            Self::Aarch64 => "linux-image-arm64",
        }
    }
}
