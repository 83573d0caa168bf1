//! `cargo xtask quickstart`: from a Rust toolchain to a VM that runs, in one command.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::guest::full;
use crate::{guestagent, setup, sh, workspace};

const MANIFESTS: &str = "manifests/quickstart";
const OFFICIAL: (&str, u16) = ("cloud.debian.org", 443);
/// Long enough for a slow line, short enough for a host without one.
const CONNECT: Duration = Duration::from_secs(3);

/// Installs what is missing, builds, gets an image, applies the manifest, runs a command in the VM.
///
/// # Errors
/// Any of these steps fails; the error names it.
pub fn run() -> anyhow::Result<()> {
    let official = official_reachable();
    setup::run(!official)?;
    let mut build = sh::cargo(&["build", "--package", "limekiln-cli"]);
    sh::logged("building limekiln", "build", &mut build)?;
    sh::timed("building the guest agent", || guestagent::build_native().map(drop))?;
    if !official {
        println!("{} can't be reached: an image built from Debian's packages serves", OFFICIAL.0);
        provide_image()?;
    }
    println!("\n$ limekiln apply -f {MANIFESTS}");
    limekiln(&["apply", "-f", MANIFESTS, "--yes"])?;
    println!("\n$ limekiln shell quickstart -- uname -a");
    limekiln(&["shell", "quickstart", "--", "uname", "-a"])?;
    print!("{}", next_steps(&binary()));
    Ok(())
}

/// True if the host of the official image answers. Behind a proxy the download goes through that,
/// so the proxy's presence is the answer.
fn official_reachable() -> bool {
    if ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    {
        return true;
    }
    OFFICIAL.to_socket_addrs().is_ok_and(|addresses| {
        addresses.take(2).any(|address| TcpStream::connect_timeout(&address, CONNECT).is_ok())
    })
}

/// Builds the local image, and makes it stand where the manifest looks for it.
fn provide_image() -> anyhow::Result<()> {
    let image = full::build(false)?;
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let expected = PathBuf::from(home)
        .join(".cache/limekiln/images")
        .join(image.file_name().unwrap_or_default());
    if expected != image && !expected.exists() {
        std::fs::create_dir_all(expected.parent().unwrap_or(&expected))?;
        std::os::unix::fs::symlink(&image, &expected)?;
    }
    Ok(())
}

fn binary() -> PathBuf {
    workspace::target().join("debug/limekiln")
}

fn limekiln(arguments: &[&str]) -> anyhow::Result<()> {
    sh::run(Command::new(binary()).args(arguments).current_dir(workspace::root()))
}

/// Commands to try, and what each is for.
const NEXT: [(&str, &str); 7] = [
    ("limekiln shell quickstart", "a shell in it"),
    ("$EDITOR manifests/quickstart/quickstart.yaml", "say cpus: 4, disk: 20GiB"),
    ("limekiln apply -f manifests/quickstart", "shows the plan, does it"),
    ("limekiln shell quickstart -- sh -c 'nproc; df -h /'", ""),
    ("mv manifests/quickstart/quickstart.yaml /tmp", "no manifest any more:"),
    ("limekiln apply -f manifests/quickstart --prune", "asks, then parks the VM"),
    ("limekiln undelete quickstart", "nothing was lost"),
];

fn next_steps(binary: &Path) -> String {
    let dir = binary.parent().unwrap_or(binary).display();
    let start = format!("\nThe VM is ready. Try next:\n\n  export PATH=\"{dir}:$PATH\"\n");
    NEXT.iter().fold(start, |text, (command, what)| match what.is_empty() {
        true => format!("{text}  {command}\n"),
        false => format!("{text}  {command:46}  # {what}\n"),
    })
}
