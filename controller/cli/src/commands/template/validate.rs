//! `limekiln template validate LOCATOR…`

use clap::Args;
use limekiln_api::Severity;
use limekiln_reconciler::check_template;
use limekiln_sources::templates::TemplateStore;

use super::open::{HomesBase, embed, read, refused};
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
/// If there is no home directory, or standard output is closed. A template that is wrong or cannot
/// be had is told, and the others are checked all the same.
pub fn run(args: &ValidateArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let store = app.template_store();
    let mut exit = Exit::Done;
    for locator in &args.locators {
        match check(&app, &store, locator) {
            Ok(()) => super::print(&format!("{locator}: valid\n"))?,
            // In their order, so that each stands below what was printed of it.
            Err(error) => exit = crate::report(&error),
        }
    }
    Ok(exit)
}

fn check(app: &App, store: &TemplateStore, locator: &str) -> anyhow::Result<()> {
    let (mut found, located) = match read(app, store, locator)? {
        Ok(opened) => (Vec::new(), Some(opened.located)),
        Err(wrong) => (wrong.diagnostics, wrong.partial.map(|partial| *partial)),
    };
    if let Some(mut located) = located {
        found.extend(embed(&mut located, app, store, HomesBase::Left).err().unwrap_or_default());
        found.extend(check_template(&located, app.facts()));
    }
    found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    if found.iter().any(|found| found.severity == Severity::Error) {
        return Err(refused(locator, &found).into());
    }
    found.iter().for_each(|warning| errln!("{}", styled(warning)));
    Ok(())
}
