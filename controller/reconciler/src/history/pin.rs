//! Which revision of a source is in force.

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_sources::Snapshot;

use super::History;
use crate::Requests;

/// The snapshot that counts in place of the one that was read: the one that its source is pinned
/// to, or the last good one if this one was rolled back. `None` if it counts itself.
///
/// # Errors
/// The revision that would count and is not kept any more.
pub(crate) fn pinned(
    snapshot: &Snapshot,
    requests: &Requests,
    history: &History,
) -> Result<Option<Snapshot>, String> {
    let source = &snapshot.source;
    let pin = requests.pinned.get(source).filter(|_| !is_on(Mutant::IgnoresPins));
    let wanted = match pin {
        Some(pin) => pin.clone(),
        None if requests.is_rolled_back(source, &snapshot.revision) => {
            let kept = history.read().map_err(|error| error.to_string())?;
            let good = kept.iter().rev().find(|one| {
                one.source == *source && !requests.is_rolled_back(source, &one.revision)
            });
            good.map(|one| one.revision.clone())
                .ok_or_else(|| format!("no good revision of {source} is kept"))?
        }
        None => return Ok(None),
    };
    if wanted == snapshot.revision {
        return Ok(None);
    }
    let kept = history.get(source, &wanted);
    let kept = kept.ok_or_else(|| format!("revision {wanted} of {source} is not kept any more"))?;
    Ok(Some(kept.snapshot()))
}
