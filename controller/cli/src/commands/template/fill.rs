//! `limekiln template fill LOCATOR`

use clap::Args;
use limekiln_api::{Name, Severity, fill, to_yaml};
use limekiln_reconciler::check_template;

use super::open::{HomesBase, open, refused};
use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::diagnostic::styled;

/// Print the complete YAML that an instance would be made from.
#[derive(Args)]
pub struct FillArgs {
    /// Where the template is
    locator: String,
    /// The instance's name, on which some values depend; from the locator unless set
    #[arg(long)]
    name: Option<String>,
}

/// Prints the template with all that it builds on and all defaults; what is wrong with it goes to
/// standard error.
///
/// # Errors
/// If there is no template, or it is wrong.
pub fn run(args: &FillArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let store = app.template_store();
    let mut opened = open(&app, &store, &args.locator)?;
    opened
        .embed(&app, &store, HomesBase::Included)
        .map_err(|found| refused(&args.locator, &found))?;
    let name = match &args.name {
        Some(name) => Name::new(name).map_err(|error| Failure::bad_input(error.to_string()))?,
        None => opened.name.clone(),
    };
    super::print(&to_yaml(&fill(opened.template(), &name, app.facts())))?;
    let found = check_template(&opened.located, app.facts());
    found.iter().for_each(|found| errln!("{}", styled(found)));
    let wrong = found.iter().any(|found| found.severity == Severity::Error);
    Ok(if wrong { Exit::BadInput } else { Exit::Done })
}
