//! `limekiln protect` and `limekiln unprotect`

use clap::Args;

use crate::compose::{App, refused};
use crate::exit::Exit;
use crate::refs::instance;

/// Protect instances against deletion: by you, by manifests, and by Lima.
#[derive(Args)]
pub struct ProtectArgs {
    /// The instances
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Let instances be deleted again.
#[derive(Args)]
pub struct UnprotectArgs {
    /// The instances
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Marks them.
///
/// # Errors
/// If there is no such instance.
pub fn protect(args: &ProtectArgs) -> anyhow::Result<Exit> {
    let hand = App::open()?.by_hand();
    for name in &args.names {
        let name = instance(name)?;
        let news = hand.protect(&name).map_err(refused)?;
        outln!("instance/{name} {}", if news { "is protected" } else { "was protected already" });
    }
    Ok(Exit::Done)
}

/// Takes the marks away.
///
/// # Errors
/// If there is no such instance.
pub fn unprotect(args: &UnprotectArgs) -> anyhow::Result<Exit> {
    let hand = App::open()?.by_hand();
    for name in &args.names {
        let name = instance(name)?;
        let news = hand.unprotect(&name).map_err(refused)?;
        outln!(
            "instance/{name} {}",
            if news { "is not protected any more" } else { "was not protected" }
        );
    }
    Ok(Exit::Done)
}
