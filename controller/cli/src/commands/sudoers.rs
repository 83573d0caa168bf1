//! `limekiln sudoers`

use std::path::{Path, PathBuf};

use clap::Args;
use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_hostagent::network::{networks_config, vmnet};

use crate::compose::{App, lima_home};
use crate::exit::{Exit, Failure};

/// Print the sudoers file that lets you start socket_vmnet (macOS).
#[derive(Args)]
#[command(after_help = "Example: limekiln sudoers | sudo tee /private/etc/sudoers.d/lima")]
pub struct SudoersArgs {
    /// Say whether the installed file is up to date
    #[arg(long)]
    check: bool,
    /// The installed file; that of networks.yaml if left out
    #[arg(requires = "check")]
    file: Option<PathBuf>,
}

/// Prints it, or compares.
///
/// # Errors
/// If what the file would allow is not safe, or the installed file is another.
pub fn run(args: &SudoersArgs) -> anyhow::Result<Exit> {
    let config = networks_config(&lima_home()?)
        .map_err(|error| Failure::bad_input(limekiln_hostagent::chain(&error)))?;
    if cfg!(not(target_os = "macos")) {
        errln!("warning: only macOS has socket_vmnet; elsewhere this file is of no use");
    }
    if args.check {
        return check(&config, args.file.as_deref().unwrap_or(&config.paths.sudoers));
    }
    if cfg!(target_os = "macos") {
        vmnet::must_be_safe(&config).map_err(|wrong| unsafe_to_allow(&wrong))?;
    }
    out!("{}", vmnet::sudoers(&config));
    Ok(Exit::Done)
}

fn unsafe_to_allow(wrong: &[String]) -> Failure {
    let text = format!("root would run what others can change: {}", wrong.join("; "));
    Failure::new(Exit::Failed, text).hint("see docs/networks.md")
}

fn check(config: &NetworksConfig, file: &Path) -> anyhow::Result<Exit> {
    let hint = || format!("limekiln sudoers | sudo tee {}", file.display());
    if cfg!(target_os = "macos") {
        vmnet::must_be_safe(config).map_err(|wrong| unsafe_to_allow(&wrong))?;
    }
    let installed = (!file.as_os_str().is_empty()).then(|| std::fs::read_to_string(file));
    match installed {
        Some(Ok(text)) if text == vmnet::sudoers(config) => {
            outln!("{} is up to date", file.display());
            Ok(Exit::Done)
        }
        Some(Ok(_)) => {
            let text = format!("{} is out of date", file.display());
            Err(Failure::new(Exit::Failed, text).hint(hint()).into())
        }
        Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
            let text = format!("{} cannot be read: {error}", file.display());
            Err(Failure::new(Exit::Failed, text).into())
        }
        _ => without(file, &hint()),
    }
}

/// Without a file sudo must ask for nothing.
fn without(file: &Path, hint: &str) -> anyhow::Result<Exit> {
    let app = App::open()?;
    if app.block_on(vmnet::sudo_works(Path::new("/usr/bin/sudo"))) {
        outln!("sudo asks for no password, so no file is needed");
        return Ok(Exit::Done);
    }
    let text = format!("{} is missing, and sudo asks for a password", file.display());
    Err(Failure::new(Exit::Failed, text).hint(hint).into())
}
