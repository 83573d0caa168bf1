//! `limekiln template embed LOCATOR`

use clap::Args;
use limekiln_api::to_yaml;

use super::open::{HomesBase, open, refused};
use crate::compose::App;
use crate::exit::Exit;

/// Print a template that builds on nothing any more; one that never did is printed as it is.
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
    let before = opened.template().clone();
    opened.embed(&app, &store, HomesBase::Left).map_err(|found| refused(&args.locator, &found))?;
    if *opened.template() == before {
        super::print(&String::from_utf8_lossy(&opened.bytes))?;
    } else {
        super::print(&to_yaml(opened.template()))?;
    }
    Ok(Exit::Done)
}
