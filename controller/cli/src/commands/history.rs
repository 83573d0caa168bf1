//! `limekiln history`

use clap::Args;
use jiff::Timestamp;
use limekiln_proto::v1alpha1::Revision;
use limekiln_server::convert::to_timestamp;

use crate::compose::App;
use crate::control::Control;
use crate::exit::{Exit, Failure};
use crate::output::difference;
use crate::output::style::{BOLD, DIM, Styled};
use crate::output::table::Table;
use crate::output::time::age;
use crate::refs::selection;

/// Show what the sources of the controller held, the newest last; of one revision, what it changed
/// and what was done.
#[derive(Args)]
#[command(after_help = "`limekiln rollback REVISION` goes back to one.")]
pub struct HistoryArgs {
    /// The beginning of a revision
    revision: Option<String>,
    /// Of this source alone
    #[arg(long)]
    source: Option<String>,
}

/// Prints it.
///
/// # Errors
/// If the history cannot be read, or there is no such revision.
pub fn run(args: &HistoryArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let control = Control::open(&app);
    let mut all = control.revisions("", args.revision.is_some())?;
    all.retain(|one| args.source.as_ref().is_none_or(|source| *source == one.source));
    match &args.revision {
        Some(word) => one(&control, &all, find(&all, word)?)?,
        None if all.is_empty() => errln!("no controller has read anything yet: limekiln run"),
        None => out!("{}", table(&all).render()),
    }
    Ok(Exit::Done)
}

/// The revision that a word begins.
///
/// # Errors
/// If there is none, or several.
fn find<'a>(all: &'a [Revision], word: &str) -> anyhow::Result<&'a Revision> {
    let mut found = all.iter().filter(|one| !word.is_empty() && one.revision.starts_with(word));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            let failure = Failure::bad_input(format!("several revisions begin with {word:?}"));
            Err(failure.hint("write more of it, or --source").into())
        }
        _ => {
            let failure = Failure::bad_input(format!("no revision begins with {word:?}"));
            Err(failure.hint("`limekiln history` lists those that are kept").into())
        }
    }
}

/// So much of a revision is shown; it can be written so.
pub fn short(revision: &str) -> &str {
    revision.get(..12).unwrap_or(revision)
}

fn table(all: &[Revision]) -> Table {
    let now = Timestamp::now();
    let mut table = Table::new(&["AGE", "REVISION", "SOURCE", "FILES", "STATE"]);
    for one in all {
        let state = match one {
            Revision { pinned: true, .. } => "pinned",
            Revision { rolled_back: true, .. } => "rolled back",
            Revision { source_pinned: false, newest: true, .. } => "newest",
            _ => "",
        };
        table.row(vec![
            age(to_timestamp(one.time.as_ref()), now),
            short(&one.revision).to_owned(),
            one.source.clone(),
            one.file_count.to_string(),
            state.to_owned(),
        ]);
    }
    table
}

fn one(control: &Control<'_>, all: &[Revision], revision: &Revision) -> anyhow::Result<()> {
    let time = |one: &Revision| to_timestamp(one.time.as_ref());
    let earlier = |one: &&Revision| one.source == revision.source && time(one) < time(revision);
    let before = all.iter().rev().find(earlier);
    outln!("revision  {}", revision.revision);
    outln!("source    {}", revision.source);
    outln!("read      {}", time(revision));
    match before {
        Some(before) => changes(before, revision),
        None => outln!("\n{}", Styled(DIM, "nothing before it is kept")),
    }
    let done = control.events(&selection(&[])?, &revision.revision, usize::MAX)?;
    if !done.is_empty() {
        outln!();
        out!("{}", super::events::table(&done).render());
    }
    Ok(())
}

/// What differs between the files of two revisions.
fn changes(before: &Revision, after: &Revision) {
    let mut paths: Vec<_> =
        before.files.iter().chain(&after.files).map(|file| &file.origin).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let text = |revision: &Revision| {
            let mut files = revision.files.iter();
            files
                .find(|file| file.origin == *path)
                .map(|file| file.text.clone())
                .unwrap_or_default()
        };
        let (from, to) = (text(before), text(after));
        if from == to {
            continue;
        }
        outln!("\n{}", Styled(BOLD, path));
        difference::lines(&from, &to).iter().for_each(|line| outln!("{line}"));
    }
}
