//! `limekiln template search-path`

use clap::Args;

use crate::compose::App;
use crate::exit::Exit;

/// Print where `template:NAME` is looked for; the first place that has it decides.
#[derive(Args)]
pub struct SearchPathArgs {}

/// Prints one place per line.
///
/// # Errors
/// If there is no home directory.
pub fn run(_args: &SearchPathArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let places = app.template_store();
    let lines: Vec<_> = places.places().iter().map(|place| format!("{place}\n")).collect();
    super::print(&lines.concat())?;
    Ok(Exit::Done)
}
