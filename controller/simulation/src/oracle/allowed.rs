//! Whether an action may begin.

use std::collections::BTreeMap;

use limekiln_api::{Arch, Lima};
use limekiln_model::{Action, InstancePhase, Kind, ObjectId, Observed};
use tokio::time::Instant;

use super::watch::{Revision, SEEN, Watch};
use crate::host::KEPT;
use crate::story::Machine;

/// Why the action may not begin.
pub(super) fn check(watch: &Watch, action: &Action, world: &Observed) -> Option<String> {
    if watch.torn {
        return Some("what says whether it may be done is torn".to_owned());
    }
    let id = action.object();
    if watch.ordered.contains(&id) {
        return by_order(watch, action, world);
    }
    if watch.strangers.contains(&id) {
        return Some("it is somebody else's".to_owned());
    }
    if let Some(since) = watch.suspended.get(&id).filter(|since| since.elapsed() > SEEN) {
        return Some(format!("it is suspended for {} s", since.elapsed().as_secs()));
    }
    if let Some(revision) = seen(watch) {
        // Who has never seen the other source knows of it only what the ledger says.
        let known = !revision.hidden || revision.existed.contains(&id);
        if known && revision.catalogue.frozen().contains(&id) {
            return Some("its manifest is faulty".to_owned());
        }
        if revision.catalogue.machine(id.name.as_str()).is_some_and(|machine| machine.suspend)
            && id.kind == Kind::Instance
        {
            return Some("its manifest suspends it".to_owned());
        }
    }
    if let Action::CreateInstance { filled, .. } = action
        && let Some(disk) = missing_disk(watch, filled, world)
    {
        return Some(format!("{disk}, which it uses, is not there yet"));
    }
    match action {
        Action::Park { .. } => park(watch, &id, world),
        Action::Purge { key: None, .. } => purge(&id, world),
        Action::Purge { object, key: Some(key) } => expire(watch, object, key),
        Action::StopInstance { .. } => stop(watch, &id, world),
        Action::StartDriver { .. } => start(watch, &id, world),
        Action::CreateInstance { template, .. } | Action::EditInstance { template, .. } => {
            published(watch, &id, template)
        }
        _ => None,
    }
}

/// By hand nearly everything may be done. What must not be done at all is refused, and that is seen
/// by who ordered it.
fn by_order(watch: &Watch, action: &Action, world: &Observed) -> Option<String> {
    match action {
        Action::Purge { object, key: Some(key) } => expire(watch, object, key),
        Action::Purge { .. } => purge(&action.object(), world),
        Action::CreateInstance { template, .. } | Action::EditInstance { template, .. } => {
            let applying = watch.applying.as_ref()?;
            if applying.is_in(template) {
                None
            } else {
                published(watch, &action.object(), template)
            }
        }
        _ => None,
    }
}

/// What was published last, once it must have been seen.
fn seen(watch: &Watch) -> Option<&Revision> {
    watch.current().filter(|revision| revision.at.elapsed() > SEEN)
}

/// Moved aside is what a revision of its source asked to delete, within the budget, or to make
/// anew.
fn park(watch: &Watch, id: &ObjectId, world: &Observed) -> Option<String> {
    // What is not there is not moved either.
    if !world.exists(id) || is_made_anew(watch, id, world) {
        return None;
    }
    if watch.applied.contains(id) {
        return Some("no source made it".to_owned());
    }
    if seen(watch).is_some_and(|revision| revision.catalogue.ids().contains(id)) {
        return Some("a manifest in force speaks of it".to_owned());
    }
    if watch.revisions.iter().any(|revision| revision.catalogue.retains(id)) {
        return Some("it is to stay".to_owned());
    }
    let asking = asking(watch, id);
    if asking.is_empty() {
        return Some("no revision asked to delete it".to_owned());
    }
    let asking: Vec<_> =
        asking.into_iter().filter_map(|one| Some((one, owner(one, id)?))).collect();
    if asking.is_empty() {
        return Some("it came from no source".to_owned());
    }
    if !asking.iter().any(|(_, source)| watch.sources[*source].prune) {
        return Some("nothing may be deleted".to_owned());
    }
    let within = |(revision, source): &(&Revision, usize)| {
        let never = watch.sources[*source].budget == Some(0);
        let enough = revision.acknowledged.contains(source)
            || revision.owners.iter().any(|owners| within_budget(watch, revision, owners, *source));
        watch.sources[*source].prune && !never && enough
    };
    (!watch.rapid && !watch.claim_lost && !asking.iter().any(within))
        .then(|| "more goes than may".to_owned())
}

/// The revisions that ask to delete it. Once one that speaks of it must have been seen, those before
/// it do no more, nor does what was acknowledged of them.
fn asking<'a>(watch: &'a Watch, id: &ObjectId) -> Vec<&'a Revision> {
    let ends = watch.revisions.iter().skip(1).map(|next| next.at).chain([Instant::now()]);
    let mut asking = Vec::new();
    for (revision, end) in watch.revisions.iter().zip(ends) {
        if !revision.catalogue.ids().contains(id) {
            asking.push(revision);
        } else if end.duration_since(revision.at) > SEEN {
            asking.clear();
        }
    }
    asking
}

/// Whether a manifest that may count wants the instance to be what it can only become anew, and lets
/// it.
fn is_made_anew(watch: &Watch, id: &ObjectId, world: &Observed) -> bool {
    let instance = world.instances.get(&id.name).filter(|_| id.kind == Kind::Instance);
    let config = instance.and_then(|instance| instance.config.as_ref());
    let foreign = config.map(|config| config.arch != Some(Arch::X86_64));
    let anew = |wish: &Machine| wish.disruption == "Recreate" && foreign != Some(wish.foreign);
    may_count(watch, id).any(anew)
}

/// What was wanted of an instance by the revisions of which something may still be carried out: the
/// newest alone, once it must have been seen.
fn may_count<'a>(watch: &'a Watch, id: &ObjectId) -> impl Iterator<Item = &'a Machine> {
    let newest = seen(watch).filter(|revision| revision.catalogue.ids().contains(id));
    let oldest = if newest.is_some() { watch.revisions.len() - 1 } else { 0 };
    let name = id.name.clone();
    let machines = watch.revisions[oldest..].iter().flat_map(|one| one.catalogue.machines());
    machines.filter(move |machine| machine.name == name.as_str())
}

/// The source that the object came from when a revision was published.
fn owner(revision: &Revision, id: &ObjectId) -> Option<usize> {
    revision.owners[1].get(id).copied()
}

fn within_budget(
    watch: &Watch,
    revision: &Revision,
    owners: &BTreeMap<ObjectId, usize>,
    source: usize,
) -> bool {
    let owned = revision.existed.difference(&watch.strangers);
    let owned: Vec<_> = owned.filter(|id| owners.get(*id) == Some(&source)).collect();
    let mentioned = revision.catalogue.ids();
    let kept = |id: &ObjectId| mentioned.contains(id) || watch.suspended.contains_key(id);
    // What somebody takes away or over by hand meanwhile counts no more: the others may be few
    // enough.
    let taken = |id: &ObjectId| watch.deleted.contains(id) || watch.applied.contains(id);
    let gone = owned.iter().filter(|id| !kept(id) && !taken(id)).count();
    let budget = watch.sources[source].budget.unwrap_or_else(|| (owned.len() / 5).max(1));
    gone < owned.len() && gone <= budget
}

/// Removed for good is only what was never whole.
fn purge(id: &ObjectId, world: &Observed) -> Option<String> {
    let instance = world.instances.get(&id.name).filter(|_| id.kind == Kind::Instance);
    let whole = instance.is_some_and(|instance| instance.phase != InstancePhase::Creating);
    (whole || id.kind == Kind::Disk).then(|| "it holds data".to_owned())
}

/// What is parked goes when its time is over.
fn expire(watch: &Watch, object: &ObjectId, key: &str) -> Option<String> {
    let since = watch.parked.get(&(object.clone(), key.to_owned()))?;
    let days = since.elapsed().as_secs() / (24 * 3_600);
    (since.elapsed() < KEPT).then(|| format!("it has been parked for {days} days"))
}

/// What an instance depends on is there before it starts, unless somebody has just taken it away.
fn start(watch: &Watch, id: &ObjectId, world: &Observed) -> Option<String> {
    let own = world.instances.get(&id.name).map(|instance| &instance.phase);
    if matches!(own, Some(InstancePhase::Broken { .. })) {
        // Half of it lives, and gets the other half again.
        return None;
    }
    let mut wishes = watch.wishes(id).map(|machine| machine.depends_on);
    let (on, ready) = wishes.next().flatten().filter(|_| !watch.rapid && !watch.by_hand)?;
    if !wishes.all(|wish| wish == Some((on, ready))) {
        return None;
    }
    let phase = world.instances.get(on).map(|instance| &instance.phase);
    let met = phase.is_some_and(|phase| match phase {
        InstancePhase::Ready | InstancePhase::Broken { .. } => true,
        _ => !ready && phase.is_running(),
    });
    (!met).then(|| format!("it depends on {on}, which is {phase:?}"))
}

/// Nobody stops what never was allowed to be stopped.
fn stop(watch: &Watch, id: &ObjectId, world: &Observed) -> Option<String> {
    let works = world.instances.get(&id.name).is_some_and(|instance| {
        matches!(instance.phase, InstancePhase::Ready | InstancePhase::Booting)
    });
    let wanted = watch.revisions.iter().all(|revision| revision.catalogue.ids().contains(id));
    let mut wishes = watch.wishes(id);
    let stays = wishes.all(|machine| machine.strategy == "Always" && machine.disruption == "Live");
    (works && wanted && stays).then(|| "it may only be changed live".to_owned())
}

/// What is stored was published as a whole at some time.
fn published(watch: &Watch, id: &ObjectId, template: &Lima) -> Option<String> {
    let found = may_count(watch, id).any(|machine| machine.is_in(template));
    let (cpus, message) = (&template.cpus, &template.message);
    (!found).then(|| format!("cpus {cpus:?}, message {message:?} are not what was published"))
}

/// A disk that an instance uses comes before it.
fn missing_disk(watch: &Watch, filled: &Lima, world: &Observed) -> Option<String> {
    let mut disks = filled.additional_disks.iter().flatten().map(|disk| disk.name.as_str());
    disks
        .find(|disk| !world.disks.keys().any(|there| there.as_str() == *disk))
        .filter(|_| !watch.by_hand)
        .map(|disk| format!("disk/{disk}"))
}
