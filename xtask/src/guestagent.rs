//! `cargo xtask guestagent`: the program inside guests, static, so that it runs whatever the guest's
//! C library is.
//!
//! Only for its own target: flags for `--target` reach neither build scripts nor other programs. The
//! example of its own crate is built, which is the same program as the second one of the command
//! line's package, without compiling all that the first one needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::guest::Arch;
use crate::{sh, workspace};

/// For which guests.
#[derive(clap::Args)]
pub struct Args {
    /// The guest's architecture; another one than this machine's needs its Rust target and linker.
    #[arg(long, value_enum, default_value = native())]
    arch: Arch,
}

fn native() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aarch64" } else { "x86_64" }
}

/// Builds it, and says where it is.
///
/// # Errors
/// It can't be built.
pub fn run(args: &Args) -> anyhow::Result<()> {
    println!("{}", build(args.arch)?.display());
    Ok(())
}

/// Builds it for the guests that this machine runs best.
///
/// # Errors
/// It can't be built.
pub fn build_native() -> anyhow::Result<PathBuf> {
    build(if cfg!(target_arch = "aarch64") { Arch::Aarch64 } else { Arch::X86_64 })
}

/// Builds it, and puts it beside the guests and beside the program, where a host agent finds it.
fn build(arch: Arch) -> anyhow::Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", arch.lima());
    let mut cargo =
        sh::cargo(&["build", "--quiet", "--profile", "guestagent", "--target", &target]);
    cargo.args(["--package", "limekiln-guestagent", "--example", "guestagent"]);
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static");
    sh::run(&mut cargo)?;
    let built = workspace::target().join(&target).join("guestagent/examples/guestagent");
    let name = format!("limekiln-guestagent.Linux-{}", arch.lima());
    for folder in ["debug", "release"] {
        put(&built, &workspace::target().join(folder).join(&name))?;
    }
    let beside_guests = workspace::target().join("guest").join(&name);
    put(&built, &beside_guests)?;
    Ok(beside_guests)
}

/// Renamed into place: a host agent may be reading it.
fn put(from: &Path, to: &Path) -> anyhow::Result<()> {
    let folder = to.parent().context("it has a folder")?;
    fs::create_dir_all(folder)?;
    let half = to.with_extension("new");
    fs::copy(from, &half).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::rename(&half, to).with_context(|| format!("cannot write {}", to.display()))
}
