//! What all stages look at.

use limekiln_api::Lima;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Capabilities, Desired, InstancePhase, Name, ObjectId, Observed, Policy};

/// The inputs of planning.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) desired: &'a Desired,
    pub(crate) observed: &'a Observed,
    pub(crate) capabilities: &'a Capabilities,
    pub(crate) policy: &'a Policy,
}

impl<'a> Scene<'a> {
    /// Whether the object exists, whoever made it.
    pub(crate) fn exists(&self, id: &ObjectId) -> bool {
        self.observed.exists(id)
    }

    /// Whether the object may be changed: it is ours, or is taken over, or does not exist yet.
    pub(crate) fn is_ours(&self, id: &ObjectId) -> bool {
        let ours = self.observed.owners.contains_key(id) || is_on(Mutant::TakesStrangers);
        ours || self.policy.adopt || !self.exists(id)
    }

    /// What each VM that may be alive was started with. Half of a broken one may live.
    pub(crate) fn alive(&self) -> impl Iterator<Item = (&'a Name, &'a Lima)> + use<'a> {
        self.observed.instances.iter().filter_map(|(name, instance)| {
            let broken = matches!(instance.phase, InstancePhase::Broken { .. });
            let config = instance.booted.as_deref().or(instance.config.as_deref())?;
            (instance.phase.is_running() || broken).then_some((name, config))
        })
    }

    /// Whether a driver process of the instance may exist.
    pub(crate) fn runs(&self, name: &Name) -> bool {
        self.observed.instances.get(name).is_some_and(|instance| instance.phase.is_running())
    }
}
