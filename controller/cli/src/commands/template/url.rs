//! `limekiln template url LOCATOR`

use clap::Args;
use limekiln_api::template::Locator;

use crate::compose::App;
use crate::exit::{Exit, Failure};

/// Print what a locator leads to when GitHub and plugins have been asked.
#[derive(Args)]
pub struct UrlArgs {
    /// Where the template is
    locator: String,
}

/// Prints the locator that is read in the end.
///
/// # Errors
/// If a plugin or GitHub fails.
pub fn run(args: &UrlArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let locator = Locator::parse(&args.locator, &app.facts().home)
        .map_err(|error| Failure::bad_input(error.to_string()))?;
    let settled = app.template_store().settle(&locator).map_err(super::open::told)?;
    super::print(&format!("{settled}\n"))?;
    Ok(Exit::Done)
}
