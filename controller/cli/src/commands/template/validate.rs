//! `limekiln template validate LOCATOR…`

use clap::Args;
use limekiln_api::{Diagnostic, Manifest, fill, validate};
use limekiln_sources::templates::TemplateStore;

use super::open::{HomesBase, Opened, open, refused};
use crate::compose::App;
use crate::exit::Exit;

/// Check templates by Lima's rules and ours.
#[derive(Args)]
pub struct ValidateArgs {
    /// Where the templates are
    #[arg(required = true, value_name = "LOCATOR")]
    locators: Vec<String>,
}

/// Prints what is wrong, each error where it is written.
///
/// # Errors
/// If a template is wrong or cannot be had; the others are checked all the same.
pub fn run(args: &ValidateArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let store = app.template_store();
    let mut first = None;
    for locator in &args.locators {
        match check(&app, &store, locator) {
            Ok(()) => super::print(&format!("{locator}: valid\n"))?,
            Err(error) if first.is_none() => first = Some(error),
            Err(error) => anstream::eprintln!("{error:#}"),
        }
    }
    first.map_or(Ok(Exit::Done), Err)
}

fn check(app: &App, store: &TemplateStore, locator: &str) -> anyhow::Result<()> {
    let mut opened = open(app, store, locator)?;
    let found = match opened.embed(app, store, HomesBase::Left) {
        Ok(()) => problems(app, &opened),
        Err(found) => found,
    };
    if found.is_empty() { Ok(()) } else { Err(refused(locator, &found).into()) }
}

fn problems(app: &App, opened: &Opened) -> Vec<Diagnostic> {
    let Manifest::Instance(instance) = &opened.located.manifest else { return Vec::new() };
    let filled = fill(opened.template(), &opened.name, app.facts());
    let errors = validate(instance, &filled, app.facts());
    errors.iter().map(|error| opened.located.diagnose(error)).collect()
}
