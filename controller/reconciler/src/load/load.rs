//! Snapshots to what is desired.

use std::collections::BTreeMap;
use std::sync::Arc;

use limekiln_model::{Desired, fingerprint};
use limekiln_sources::{Snapshot, SourceFile};

use super::cache::{Candidates, Sound};
use super::entries::Entries;
use super::loading::Loading;
use super::{LoadContext, Loaded};
use crate::ReconcileError;

/// Reads manifests, puts in what they build on, fills in defaults, checks every rule. Changes
/// nothing.
///
/// An object whose manifest is wrong, or that two manifests describe, is frozen: nothing is done
/// to it. A manifest whose source may not have the object does not count beside one whose source
/// may. What cannot even be named freezes what came from its source before and is missing now, and
/// what is missing of other sources and may have moved there.
///
/// # Errors
/// If a file cannot be read, and what came from it cannot be known either.
pub fn load(snapshots: &[Snapshot], context: &LoadContext<'_>) -> Result<Loaded, ReconcileError> {
    let (sound, mut entries) = read(snapshots, context);
    entries.skipped(
        snapshots
            .iter()
            .flat_map(|one| one.skipped.iter().map(move |it| (one.source.as_str(), it))),
    );
    let lasting = snapshots.iter().filter(|snapshot| snapshot.is_lasting());
    let desired = Desired {
        revision: revision(snapshots),
        revisions: revisions(snapshots),
        sources: lasting.map(|snapshot| snapshot.source.clone()).collect(),
        ..Desired::default()
    };
    let mut loading = Loading::new(context, desired, entries.diagnostics);
    sound.into_iter().for_each(|sound| loading.sound(sound));
    for entries in entries.by_name.into_values() {
        loading.object(entries)?;
    }
    entries.partial.into_iter().for_each(|(source, located)| loading.rest(&source, located));
    loading.judge_and_take()?;
    loading.freeze_missing(&entries.unreadable)?;
    let Loading { desired, mut diagnostics, verdicts, sound, .. } = loading;
    if let Some(cache) = context.cache {
        cache.put(context, sound.into_iter());
    }
    diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    // What is wrong with a layer is found with every instance.
    diagnostics.dedup();
    let sources = snapshots.iter().map(|snapshot| snapshot.source.as_str());
    let prune_budgets = context.policies.prune_budgets(sources);
    Ok(Loaded { desired, diagnostics, verdicts, prune_budgets })
}

fn revisions(snapshots: &[Snapshot]) -> BTreeMap<String, String> {
    let each = snapshots.iter().map(|one| (one.source.clone(), one.revision.clone()));
    each.collect()
}

fn revision(snapshots: &[Snapshot]) -> String {
    match snapshots {
        [one] => one.revision.clone(),
        many => {
            let parts: Vec<_> = many.iter().map(|one| (&one.source, &one.revision)).collect();
            fingerprint(&parts).0
        }
    }
}

/// What was found right before and is as it was, and what is in all other files.
fn read(snapshots: &[Snapshot], context: &LoadContext<'_>) -> (Vec<Sound>, Entries) {
    let of = |snapshot: &'_ Snapshot| snapshot.files.len();
    let mut files: Vec<(&str, &Arc<SourceFile>)> =
        Vec::with_capacity(snapshots.iter().map(of).sum());
    for snapshot in snapshots {
        files.extend(snapshot.files.iter().map(|file| (snapshot.source.as_str(), file)));
    }
    let mut candidates =
        context.cache.map_or_else(Candidates::default, |cache| cache.take(context));
    let (mut sound, mut others) = (Vec::new(), Vec::new());
    for (source, file) in &files {
        match candidates.get(source, file, context) {
            Some(one) => sound.push(one),
            None => others.push((*source, *file)),
        }
    }
    let entries = Entries::read(&others);
    // Those that were right the last time were so together: no two of them describe one object.
    if !sound.iter().any(|one| entries.describes(&one.id)) {
        return (sound, entries);
    }
    // What is described twice is told with both places, for which all are read.
    (Vec::new(), Entries::read(&files))
}
