//! One revision: what it changed, and what was done for it.

use limekiln_proto::v1alpha1::Revision;
use limekiln_server::convert::to_timestamp;

use super::{before, plans, table, texts};
use crate::control::Control;
use crate::output::difference;
use crate::output::style::{BOLD, DIM, Styled};
use crate::refs::selection;

/// Prints one, of each source that has it.
pub(super) fn all(
    control: &Control<'_>,
    shown: &[&Revision],
    all: &[Revision],
) -> anyhow::Result<()> {
    for (index, revision) in shown.iter().enumerate() {
        if index > 0 {
            outln!();
        }
        one(control, revision, all)?;
    }
    Ok(())
}

fn one(control: &Control<'_>, revision: &Revision, all: &[Revision]) -> anyhow::Result<()> {
    outln!("revision  {}", revision.revision);
    outln!("source    {}", revision.source);
    outln!("read      {}", to_timestamp(revision.time.as_ref()));
    if !table::state(revision).is_empty() {
        outln!("state     {}", table::state(revision));
    }
    match before(revision, all) {
        Some(before) => changes(before, revision),
        None => outln!("\n{}", Styled(DIM, "nothing before it is kept")),
    }
    if !revision.plans.is_empty() {
        plans::show(&revision.plans);
        return Ok(());
    }
    // What was done before plans were kept is in the events, which know one revision for all
    // sources together.
    let done = control.events(&selection(&[])?, &revision.revision, usize::MAX)?;
    if !done.is_empty() {
        outln!();
        out!("{}", crate::commands::events::table(&done).render());
    }
    Ok(())
}

/// What differs between the files of two revisions.
fn changes(before: &Revision, after: &Revision) {
    for (path, from, to) in texts(before, after) {
        outln!("\n{}", Styled(BOLD, path));
        difference::lines(from, to).iter().for_each(|line| outln!("{line}"));
    }
}
