//! `limekiln template validate LOCATOR…`

use clap::Args;
use limekiln_api::Severity;
use limekiln_reconciler::check_template;
use limekiln_sources::templates::TemplateStore;

use super::open::{HomesBase, open, refused};
use crate::compose::App;
use crate::exit::Exit;
use crate::output::diagnostic::styled;

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
            Err(error) => errln!("{error:#}"),
        }
    }
    first.map_or(Ok(Exit::Done), Err)
}

fn check(app: &App, store: &TemplateStore, locator: &str) -> anyhow::Result<()> {
    let mut opened = open(app, store, locator)?;
    let found = match opened.embed(app, store, HomesBase::Left) {
        Ok(()) => check_template(&opened.located, app.facts()),
        Err(found) => found,
    };
    let (errors, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.severity == Severity::Error);
    warnings.iter().for_each(|warning| errln!("{}", styled(warning)));
    if errors.is_empty() { Ok(()) } else { Err(refused(locator, &errors).into()) }
}
