//! `cargo xtask images`: builds the guests that tests and the quickstart boot.

use crate::guest::{Arch, containerd, full, tiny};

/// What to build; nothing named means everything.
#[derive(clap::Args)]
pub struct Args {
    /// Only the tiny test guest of this architecture.
    #[arg(long, value_enum)]
    tiny: Vec<Arch>,
    /// Only the tiny test guest with Debian's usual kernel, which has 9p.
    #[arg(long)]
    generic: bool,
    /// Only the tiny test guest with OpenRC.
    #[arg(long)]
    openrc: bool,
    /// Only the full Debian image, and the archive of containerd for it.
    #[arg(long)]
    full: bool,
    /// Build again even when nothing changed.
    #[arg(long)]
    force: bool,
}

/// Builds what was asked for.
///
/// # Errors
/// A tool is missing or fails, or a package can't be fetched.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let all = args.tiny.is_empty() && !args.full && !args.generic && !args.openrc;
    if all || args.generic {
        tiny::build_generic(args.force)?;
    }
    if all || args.openrc {
        tiny::build_openrc(args.force)?;
    }
    let tiny = if all { &[Arch::X86_64, Arch::Aarch64][..] } else { &args.tiny };
    for &arch in tiny {
        tiny::build(arch, args.force)?;
    }
    if all || args.full {
        full::build(args.force)?;
        containerd::build(args.force)?;
    }
    Ok(())
}
