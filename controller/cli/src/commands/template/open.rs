//! A template that was named on the command line.

use limekiln_api::template::{Fetch, FetchError, Locator, instance_name};
use limekiln_api::{Diagnostic, Lima, Located, Manifest, Name, Refused, Severity, parse_template};
use limekiln_reconciler::Templates;
use limekiln_sources::templates::TemplateStore;

use crate::compose::App;
use crate::exit::Failure;
use crate::output::diagnostic::styled;

/// What its name is when its locator tells none, as that of standard input.
const NAMELESS: &str = "instance";

/// A template that was read.
pub struct Opened {
    /// The template.
    pub located: Located,
    /// The name that an instance of it would have.
    pub name: Name,
    /// Its text, as it is.
    pub bytes: Vec<u8>,
}

/// Whether Lima's `_config/base.yaml` is below the template: it is in what an instance is made
/// from, and not in what a template says itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HomesBase {
    /// It is.
    Included,
    /// It is not.
    Left,
}

/// Fetches and reads a template.
///
/// # Errors
/// If there is none, or the text is none; what is wrong with it is printed.
pub fn open(app: &App, store: &TemplateStore, text: &str) -> anyhow::Result<Opened> {
    Ok(read(app, store, text)?.map_err(|wrong| refused(text, &wrong.diagnostics))?)
}

/// As [`open`], printing nothing.
///
/// # Errors
/// If there is no such template. What is wrong with it is the inner error.
pub fn read(
    app: &App,
    store: &TemplateStore,
    text: &str,
) -> anyhow::Result<Result<Opened, Refused>> {
    let locator = locator(app, text)?;
    let fetched = store.fetch(&locator).map_err(told)?;
    let settled = store.settle(&locator).map_err(told)?.to_string();
    let name = instance_name(&settled, app.facts().arch);
    let name = name.unwrap_or_else(|| Name::new(NAMELESS).expect("the word is a name"));
    let parsed = parse_template(&fetched.bytes, &locator, &fetched.place, &name);
    Ok(parsed.map(|located| Opened { located, name, bytes: fetched.bytes }))
}

/// The error as the program's: with its causes and its hint.
pub fn told(error: FetchError) -> Failure {
    let failure = Failure::bad_input(error.chain());
    match error.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The locator; a path is made absolute, so that what is printed means the same from anywhere.
fn locator(app: &App, text: &str) -> anyhow::Result<Locator> {
    let locator = Locator::parse(text, &app.facts().home).map_err(|error| {
        Failure::bad_input(error.to_string())
            .hint("`limekiln template --help` says what a LOCATOR is")
    })?;
    Ok(match locator {
        Locator::File(path) => Locator::File(std::path::absolute(path)?),
        other => other,
    })
}

/// Prints what is wrong, and gives the error that ends the command.
pub fn refused(what: &str, found: &[Diagnostic]) -> Failure {
    for diagnostic in found {
        errln!("{}", styled(diagnostic));
    }
    let errors = found.iter().filter(|found| found.severity == Severity::Error).count();
    let problems = match errors {
        1 => "a problem".to_owned(),
        count => format!("{count} problems"),
    };
    Failure::bad_input(format!("{what} has {problems}"))
}

impl Opened {
    /// Puts what it builds on into it.
    ///
    /// # Errors
    /// All that is wrong with that.
    pub fn embed(
        &mut self,
        app: &App,
        store: &TemplateStore,
        base: HomesBase,
    ) -> Result<(), Vec<Diagnostic>> {
        embed(&mut self.located, app, store, base)
    }

    /// The template.
    pub fn template(&self) -> &Lima {
        match &self.located.manifest {
            Manifest::Instance(instance) => &instance.spec.template,
            Manifest::Disk(_) | Manifest::Network(_) => {
                unreachable!("a template is read as an Instance")
            }
        }
    }
}

/// Puts what a template builds on into it.
///
/// # Errors
/// All that is wrong with that.
pub fn embed(
    located: &mut Located,
    app: &App,
    store: &TemplateStore,
    base: HomesBase,
) -> Result<(), Vec<Diagnostic>> {
    let mut embedding = Templates { fetch: store, lock: None }.embedding(app.facts());
    if base == HomesBase::Left {
        embedding.default_base = None;
    }
    located.embed(&embedding)
}
