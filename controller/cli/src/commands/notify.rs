//! `limekiln notify`

use clap::Args;

use crate::compose::App;
use crate::control::Control;
use crate::exit::Exit;

/// Tell the controller of this host that a source has something new, for hooks of git and CI.
#[derive(Args)]
pub struct NotifyArgs {}

/// Tells the controller, or leaves word for it.
///
/// # Errors
/// If the home cannot be written.
pub fn run(_: &NotifyArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    Control::open(&app).notify()?;
    Ok(Exit::Done)
}
