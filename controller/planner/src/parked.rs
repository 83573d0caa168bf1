//! What was deleted and can be brought back.

use std::collections::BTreeSet;

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
    let (days, minutes) = (since.div_euclid(86_400), since.rem_euclid(86_400) / 60);
    // Years begin in March here, so that the leap day is their last one.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (year + era * 400, month + 3),
        _ => (year + era * 400 + 1, month - 9),
    };
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02} UTC")
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
