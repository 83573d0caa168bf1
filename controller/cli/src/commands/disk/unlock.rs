//! `limekiln disk unlock`

use clap::Args;

use crate::compose::{App, refused};
use crate::exit::Exit;

/// Take disks from instances that do not run any more, as after a crash.
#[derive(Args)]
pub struct UnlockArgs {
    /// The disks
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// Does it.
///
/// # Errors
/// If there is none, or the instance runs.
pub fn run(args: &UnlockArgs) -> anyhow::Result<Exit> {
    let hand = App::open()?.by_hand();
    for word in &args.names {
        let name = super::disk(word)?;
        match hand.unlock_disk(&name).map_err(refused)? {
            Some(holder) => {
                let whose = holder.file_name().unwrap_or_default().to_string_lossy();
                outln!("disk/{name} was taken from instance/{whose}");
            }
            None => outln!("disk/{name} is nobody's"),
        }
    }
    Ok(Exit::Done)
}
