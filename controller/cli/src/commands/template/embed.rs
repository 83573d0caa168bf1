//! `limekiln template embed LOCATOR`

use clap::Args;

use super::open::{HomesBase, open, refused};
use crate::compose::App;
use crate::exit::Exit;
use crate::output::diagnostic::styled;

/// Print a template that builds on nothing any more, with its own comments where they can be kept;
/// one that never did is printed as it is.
#[derive(Args)]
pub struct EmbedArgs {
    /// Where the template is
    locator: String,
}

/// Prints the template with all that it builds on.
///
/// # Errors
/// If there is no template, or it or what it builds on is wrong.
pub fn run(args: &EmbedArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let store = app.template_store();
    let mut opened = open(&app, &store, &args.locator)?;
    opened.embed(&app, &store, HomesBase::Left).map_err(|found| refused(&args.locator, &found))?;
    opened.located.notes().iter().for_each(|note| errln!("{}", styled(note)));
    super::print(&opened.located.to_text())?;
    Ok(Exit::Done)
}
