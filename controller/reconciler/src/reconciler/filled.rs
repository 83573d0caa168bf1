//! What is wanted and what is stored, as they are compared.

use std::collections::BTreeMap;
use std::collections::btree_map::Iter;
use std::iter::Peekable;
use std::sync::{Arc, Mutex, PoisonError};

use limekiln_api::{HostFacts, LimaVersion, fill_as};
use limekiln_model::{Desired, DesiredInstance, Name, Observed, ObservedInstance, Shared, Wanted};

type WantedOnes = Shared<BTreeMap<Name, Arc<Wanted<DesiredInstance>>>>;
type SeenOnes = Shared<BTreeMap<Name, Arc<ObservedInstance>>>;

/// The instances of the last plan before and after they were made ready for it, so that the next
/// one does so only with those that are new.
#[derive(Default)]
pub(super) struct LastFilled(Mutex<Last>);

#[derive(Default)]
struct Last {
    wanted: WantedOnes,
    seen: SeenOnes,
    filled: WantedOnes,
    joined: SeenOnes,
}

impl LastFilled {
    /// As [`refill`] does it; and what is stored as it is wanted becomes one and the same with
    /// that, so that plan after plan need not compare them again.
    pub(super) fn prepare(
        &self,
        desired: &mut Desired,
        observed: &mut Observed,
        facts: &HostFacts,
    ) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (wanted, seen) = (desired.instances.clone(), observed.instances.clone());
        if !(last.wanted.is(&wanted) && last.seen.is(&seen)) {
            refill(desired, observed, facts);
            let filled = desired.instances.clone();
            let joined = join(&last, &filled, &seen);
            *last = Last { wanted, seen, filled, joined };
        }
        (desired.instances, observed.instances) = (last.filled.clone(), last.joined.clone());
    }
}

/// Fills in again what an older Lima made: some defaults depend on it, and those of a new
/// instance would look like changes.
pub(super) fn refill(desired: &mut Desired, observed: &Observed, facts: &HostFacts) {
    let current = LimaVersion::current();
    let older = |(name, instance): (&Name, &Arc<ObservedInstance>)| {
        (instance.creator != current).then(|| (name.clone(), instance.creator.clone()))
    };
    let older: Vec<_> = observed.instances.iter().filter_map(older).collect();
    for (name, creator) in &older {
        // To be changed it would be copied: not for one that no manifest speaks of.
        if desired.instances.contains_key(name)
            && let Some(wanted) = desired.instances.get_mut(name)
        {
            let spec = &mut Arc::make_mut(wanted).spec;
            spec.filled = fill_as(&spec.spec.template, name, facts, creator).into();
        }
    }
}

/// All that is seen; what of it is equal to what is wanted holds that.
fn join(last: &Last, wanted: &WantedOnes, seen: &SeenOnes) -> SeenOnes {
    let mut was_wanted = InStep::through(&last.filled);
    let mut was_seen = InStep::through(&last.seen);
    let mut was_joined = InStep::through(&last.joined);
    let mut is_wanted = InStep::through(wanted);
    let join = |(name, now): (&Name, &Arc<ObservedInstance>)| {
        let (before, joined) = (was_seen.at(name), was_joined.at(name));
        let (was_wanted, wanted) = (was_wanted.at(name), is_wanted.at(name));
        let same = before.is_some_and(|before| Arc::ptr_eq(before, now))
            && was_wanted.map(Arc::as_ptr) == wanted.map(Arc::as_ptr);
        let joined = joined.filter(|_| same).map(Arc::clone);
        (name.clone(), joined.unwrap_or_else(|| join_one(now, wanted)))
    };
    seen.iter().map(join).collect()
}

fn join_one(
    seen: &Arc<ObservedInstance>,
    wanted: Option<&Arc<Wanted<DesiredInstance>>>,
) -> Arc<ObservedInstance> {
    let mut joined = Arc::clone(seen);
    let filled = wanted.map(|wanted| &wanted.spec.filled);
    if let (Some(filled), Some(config)) = (filled, &seen.config)
        && !Arc::ptr_eq(filled, config)
        && filled == config
    {
        Arc::make_mut(&mut joined).config = Some(Arc::clone(filled));
    }
    // What runs was most often started with what is stored.
    let config = joined.config.clone();
    if let (Some(config), Some(booted)) = (config, &seen.booted)
        && !Arc::ptr_eq(&config, booted)
        && config == *booted
    {
        Arc::make_mut(&mut joined).booted = Some(config);
    }
    joined
}

/// Goes through one map while another, sorted alike, is gone through: faster than to look each
/// name up.
struct InStep<'a, T>(Peekable<Iter<'a, Name, T>>);

impl<'a, T> InStep<'a, T> {
    fn through(map: &'a BTreeMap<Name, T>) -> Self {
        Self(map.iter().peekable())
    }

    /// What is at this name; each must come after the one before.
    fn at(&mut self, name: &Name) -> Option<&'a T> {
        while self.0.next_if(|(before, _)| *before < name).is_some() {}
        self.0.next_if(|(here, _)| *here == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use limekiln_model::InstancePhase;
    use limekiln_testkit::{desired, instance, name, observed_instance};
    use proptest::prelude::*;

    use super::*;

    /// What one of three instances is wanted and stored with, if it is, and by whom it was made.
    type One = (Option<u8>, Option<u8>, bool);

    fn world(all: &[One]) -> (Desired, Observed) {
        let yaml = |cpus: u8| format!("cpus: {cpus}\n");
        let vm = |number: usize| format!("vm{number}");
        let wanted = all.iter().enumerate().filter_map(|(number, (wanted, ..))| {
            Some(instance(&vm(number), &yaml((*wanted)?), |_| {}))
        });
        let mut observed = Observed::default();
        for (number, (_, stored, old)) in all.iter().enumerate() {
            let Some(cpus) = stored else { continue };
            let mut seen = observed_instance(&vm(number), &yaml(*cpus), InstancePhase::Ready);
            seen.booted.clone_from(&seen.config);
            if *old {
                seen.creator = LimaVersion::unrecorded();
            }
            observed.instances.insert(name(&vm(number)), seen.into());
        }
        (desired(wanted), observed)
    }

    fn one() -> impl Strategy<Value = One> {
        let cpus = || prop::option::of(1..3u8);
        (cpus(), cpus(), prop::bool::weighted(0.2))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_remembered_is_what_comes_of_it_anew(
            worlds in prop::collection::vec(prop::array::uniform3(one()), 1..6)
        ) {
            let (last, facts) = (LastFilled::default(), HostFacts::example());
            for all in &worlds {
                let world = world(all);
                // Twice, as where nothing changes.
                for _ in 0..2 {
                    let (mut desired, mut observed) = world.clone();
                    last.prepare(&mut desired, &mut observed, &facts);
                    let (mut desired_anew, mut observed_anew) = world.clone();
                    refill(&mut desired_anew, &observed_anew, &facts);
                    prop_assert_eq!(&desired, &desired_anew);
                    prop_assert_eq!(&observed, &observed_anew, "joining changes nothing");
                    LastFilled::default().prepare(&mut desired_anew, &mut observed_anew, &facts);
                    prop_assert_eq!(&observed, &observed_anew);
                    for (name, wanted) in &desired.instances {
                        let Some(seen) = observed.instances.get(name) else { continue };
                        let config = seen.config.as_ref().expect("it is stored");
                        let same = Arc::ptr_eq(config, &wanted.spec.filled);
                        prop_assert_eq!(same, **config == *wanted.spec.filled, "{}", name);
                    }
                }
            }
        }
    }
}
