//! `limekiln history`

mod data;
mod plans;
mod show;
mod table;

use clap::Args;
use limekiln_proto::v1alpha1::Revision;

use crate::compose::App;
use crate::control::Control;
use crate::exit::{Exit, Failure};
use crate::output::format::{Format, print_data};

/// Show what the sources of the controller held, the newest last; of one revision, what it changed,
/// and the plans that were carried out for it.
#[derive(Args)]
#[command(after_help = "`limekiln rollback REVISION` goes back to one.")]
pub struct HistoryArgs {
    /// The beginning of a revision
    revision: Option<String>,
    /// Of this source alone
    #[arg(long)]
    source: Option<String>,
    /// How to print; json and yaml are lists of revisions with their plans
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints it.
///
/// # Errors
/// If the history cannot be read, or there is no such revision.
pub fn run(args: &HistoryArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let control = Control::open(&app);
    let mut all = control.revisions(args.revision.is_some())?;
    all.retain(|one| args.source.as_ref().is_none_or(|source| *source == one.source));
    let shown: Vec<_> = match &args.revision {
        Some(word) => find(&all, word)?,
        None => all.iter().collect(),
    };
    if print_data(args.output, &data::all(&shown, &all))? {
        return Ok(Exit::Done);
    }
    match (args.output, &args.revision) {
        (Format::Name, _) => shown.iter().for_each(|one| outln!("{}", one.revision)),
        (_, Some(_)) => show::all(&control, &shown, &all)?,
        (_, None) if all.is_empty() => errln!("no controller has read anything yet: limekiln run"),
        (output, None) => out!("{}", table::table(&shown, output == Format::Wide).render()),
    }
    Ok(Exit::Done)
}

/// The revision that a word begins, of each source that has it.
///
/// # Errors
/// If there is none, or several begin so.
fn find<'a>(all: &'a [Revision], word: &str) -> anyhow::Result<Vec<&'a Revision>> {
    let begins = |one: &&Revision| !word.is_empty() && one.revision.starts_with(word);
    let found: Vec<_> = all.iter().filter(begins).collect();
    match found.first() {
        Some(first) if found.iter().all(|one| one.revision == first.revision) => Ok(found),
        Some(_) => {
            let failure = Failure::bad_input(format!("several revisions begin with {word:?}"));
            Err(failure.hint("write more of it, or --source").into())
        }
        None => {
            let failure = Failure::bad_input(format!("no revision begins with {word:?}"));
            Err(failure.hint("`limekiln history` lists those that are kept").into())
        }
    }
}

/// The one that its source held before.
fn before<'a>(one: &Revision, all: &'a [Revision]) -> Option<&'a Revision> {
    let place = all.iter().position(|other| std::ptr::eq(other, one))?;
    all[..place].iter().rev().find(|other| other.source == one.source)
}

/// All paths that two revisions have, with what each held there; nothing where it had no file.
fn texts<'a>(before: &'a Revision, after: &'a Revision) -> Vec<(&'a str, &'a str, &'a str)> {
    let text = |revision: &'a Revision, path: &str| {
        let file = revision.files.iter().find(|file| file.origin == *path);
        file.map_or("", |file| file.text.as_str())
    };
    let files = before.files.iter().chain(&after.files);
    let mut paths: Vec<_> = files.map(|file| file.origin.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let both = paths.into_iter().map(|path| (path, text(before, path), text(after, path)));
    both.filter(|(_, from, to)| from != to).collect()
}

/// So much of a revision is shown; it can be written so.
pub fn short(revision: &str) -> &str {
    revision.get(..12).unwrap_or(revision)
}
