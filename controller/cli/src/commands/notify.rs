//! `limekiln notify`

use std::fs;

use anyhow::Context;
use clap::Args;

use crate::compose::App;
use crate::exit::Exit;

/// Tell the controller of this host that a source has something new, for hooks of git and CI.
#[derive(Args)]
pub struct NotifyArgs {}

/// Touches a file that the controller looks at.
///
/// # Errors
/// If the home cannot be written.
pub fn run(_: &NotifyArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let home = app.reconciler.home();
    home.prepare()?;
    let file = home.dir().join("notify");
    let now = jiff::Timestamp::now().to_string();
    fs::write(&file, now).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(Exit::Done)
}
