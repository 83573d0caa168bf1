//! What all stages look at.

use std::collections::BTreeSet;

use limekiln_api::Lima;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Capabilities, Desired, Name, ObjectId, Observed, Policy};

use crate::uses;

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
            let config = instance.runs_with()?;
            instance.phase.may_live().then_some((name, config))
        })
    }

    /// The ports of the host that lead to the SSH servers of VMs that may be alive, each with its
    /// VM: what is seen, and what it was started with.
    pub(crate) fn ssh_ports(&self) -> BTreeSet<(u16, &'a Name)> {
        let living = self.observed.instances.iter().filter(|(_, one)| one.phase.may_live());
        living
            .flat_map(|(name, one)| {
                let fixed = one.runs_with().and_then(uses::port);
                one.ssh_port.into_iter().chain(fixed).map(move |port| (port, name))
            })
            .collect()
    }

    /// Whether a driver process of the instance may exist.
    pub(crate) fn runs(&self, name: &Name) -> bool {
        self.observed.instances.get(name).is_some_and(|instance| instance.phase.is_running())
    }
}
