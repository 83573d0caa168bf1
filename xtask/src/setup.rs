//! `cargo xtask setup`: installs the system packages that are missing, and says which.

mod backports;
mod manager;
mod needs;
mod virtiofsd;

use anyhow::bail;

use manager::Manager;
use needs::Need;

/// Installs what is missing for running VMs and, if asked, for building guest images.
///
/// # Errors
/// There is no known package manager, or an installation fails.
pub fn run(build_images: bool) -> anyhow::Result<()> {
    let missing: Vec<&Need> = needs::all(build_images).filter(|need| !need.met()).collect();
    if missing.is_empty() {
        println!("setup: nothing is missing");
    } else {
        bring(&missing)?;
    }
    virtiofsd::ensure();
    Ok(())
}

/// Installs a C++ compiler where there is none: libFuzzer is built from source.
///
/// # Errors
/// As [`run`].
pub fn compiler() -> anyhow::Result<()> {
    if needs::COMPILER.met() { Ok(()) } else { bring(&[&needs::COMPILER]) }
}

fn bring(missing: &[&Need]) -> anyhow::Result<()> {
    let names: Vec<_> = missing.iter().map(|need| need.what).collect();
    println!("setup: missing {}", names.join(", "));
    let Some(manager) = Manager::detect() else {
        bail!(
            "there is neither apt nor dnf nor brew here: install these yourself, then run this again"
        );
    };
    let (build, run): (Vec<&Need>, Vec<&Need>) = missing.iter().partition(|need| need.image);
    install(manager, &run)?;
    // VMs run without these; what needs one says so itself.
    if let Err(error) = install(manager, &build) {
        println!("setup: {error:#}");
    }
    for need in missing.iter().filter(|need| !need.met()) {
        println!("setup: still without {}: {}", need.what, need.why);
    }
    Ok(())
}

fn install(manager: Manager, needs: &[&Need]) -> anyhow::Result<()> {
    let mut packages: Vec<&str> = needs.iter().filter_map(|need| manager.package(need)).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() { Ok(()) } else { manager.install(&packages) }
}
