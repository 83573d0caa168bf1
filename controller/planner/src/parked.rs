//! What was deleted and can be brought back.

use std::collections::BTreeSet;

use jiff::Timestamp;
use limekiln_model::{Action, Note, ObjectId, Parked};

use crate::draft::Draft;
use crate::scene::Scene;

/// Tells of what is made under the name of something that was deleted and could be brought back:
/// the new one is empty, and has the name from then on. Names are used again and again, so nothing
/// waits for that.
pub(crate) fn tell(scene: &Scene<'_>, draft: &mut Draft) {
    let makes = |action: &Action| {
        matches!(action, Action::CreateInstance { .. } | Action::CreateDisk { .. })
    };
    let ids: BTreeSet<_> = scene.observed.parked.iter().map(|parked| &parked.id).collect();
    for id in ids.into_iter().filter(|id| !scene.exists(id)) {
        if let Some(parked) = latest(scene, id).filter(|_| draft.find(id, makes).is_some()) {
            draft.report.note(id.clone(), note(id, parked));
        }
    }
}

/// The one that was deleted last.
pub(crate) fn latest<'a>(scene: &Scene<'a>, id: &ObjectId) -> Option<&'a Parked> {
    let parked = scene.observed.parked.iter().filter(|parked| parked.id == *id);
    parked.max_by_key(|parked| parked.since)
}

fn note(id: &ObjectId, parked: &Parked) -> Note {
    let text = format!("is made anew, without the data of the one deleted {}", utc(parked.since));
    Note { text, hint: format!("`limekiln undelete {id}` before applying keeps its data") }
}

/// What to do for a parked object whose name has gone to another one.
pub(crate) fn ways_back(scene: &Scene<'_>, id: &ObjectId, key: &str) -> String {
    if !scene.is_ours(id) {
        return "rename the one that exists now".to_owned();
    }
    format!(
        "`limekiln suspend {id}` if a controller keeps it, `limekiln delete {id}`, \
         `limekiln undelete {id} --key {key}`, and `limekiln resume {id}`"
    )
}

/// `2026-11-27 13:05 UTC`, of seconds since 1970.
fn utc(since: i64) -> String {
    // Only what somebody wrote by hand is beyond the calendar.
    Timestamp::from_second(since).map_or_else(
        |_| format!("{since} seconds after 1970"),
        |since| since.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_told_in_utc() {
        let table = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ];
        for (since, text) in table {
            assert_eq!(utc(since), text);
        }
    }
}
