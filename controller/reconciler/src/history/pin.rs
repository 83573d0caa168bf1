//! Which revision of a source is in force.

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_sources::Snapshot;

use super::History;
use crate::Requests;

/// The snapshot that counts in place of the one that was read: the one that its source is pinned
/// to, or the last good one if this one was rolled back. `None` if it counts itself.
///
/// Of the revision that counted `last` the files are known, and not read again.
///
/// # Errors
/// The revision that would count and is not kept any more.
pub(crate) fn pinned(
    snapshot: &Snapshot,
    requests: &Requests,
    history: &History,
    last: Option<&Snapshot>,
) -> Result<Option<Snapshot>, String> {
    let source = &snapshot.source;
    let kept = |wanted: &str| match last.filter(|last| last.revision == wanted) {
        Some(last) => Some(last.clone()),
        None => history.get(source, wanted).map(super::Revision::snapshot),
    };
    let pin = requests.pinned.get(source).filter(|_| !is_on(Mutant::IgnoresPins));
    if let Some(pin) = pin {
        if *pin == snapshot.revision {
            return Ok(None);
        }
        let kept = kept(pin).map(Some);
        return kept.ok_or_else(|| format!("revision {pin} of {source} is not kept any more"));
    }
    if !requests.is_rolled_back(source, &snapshot.revision) {
        return Ok(None);
    }
    let all = history.revisions_of(source).map_err(|error| error.to_string())?;
    let good = all.iter().rev().filter(|one| !requests.is_rolled_back(source, one));
    let good = good.map(String::as_str).find_map(kept).map(Some);
    good.ok_or_else(|| format!("no good revision of {source} is kept"))
}
