//! What people do by hand with what exists, beside all plans: Lima's own commands for it.
//!
//! Nothing here reads or writes the ledger. Who calls makes sure that no manifest speaks of the
//! object, or that the change is none that a manifest describes.

mod clone;
mod disk;
mod network;
mod protect;
mod rename;
mod snapshot;

use limekiln_api::{HostFacts, name_errors};
use limekiln_engine::EngineError;
use limekiln_model::Name;

use crate::observe::lives;
use crate::paths::Paths;

/// The instances and disks of one home.
#[derive(Clone, Debug)]
pub struct ByHand {
    paths: Paths,
    facts: HostFacts,
}

impl ByHand {
    /// Those of the home that the facts name.
    pub fn new(facts: &HostFacts) -> Self {
        Self { paths: Paths::new(&facts.lima_home), facts: facts.clone() }
    }

    /// Whether there is such an instance.
    fn must_exist(&self, name: &Name) -> Result<(), EngineError> {
        if self.paths.instance(name).join("lima.yaml").exists() {
            return Ok(());
        }
        Err(EngineError::precondition(format!("there is no instance {name}"))
            .hint("`limekiln list` shows those that exist"))
    }

    /// Whether its files may be touched.
    fn must_be_stopped(&self, name: &Name) -> Result<(), EngineError> {
        self.must_exist(name)?;
        if lives(&self.paths.instance(name)) {
            return Err(EngineError::precondition(format!("instance/{name} runs"))
                .hint(format!("stop it first: limekiln stop {name}")));
        }
        Ok(())
    }

    /// Whether a new instance may have that name.
    fn must_be_free(&self, name: &Name) -> Result<(), EngineError> {
        if self.paths.instance(name).symlink_metadata().is_ok() {
            return Err(EngineError::precondition(format!("{name} exists already"))
                .hint("choose another name"));
        }
        match name_errors(name, &self.facts).into_iter().next() {
            None => Ok(()),
            Some(error) => {
                let refused = EngineError::precondition(error.message);
                Err(match error.hint {
                    Some(hint) => refused.hint(hint),
                    None => refused,
                })
            }
        }
    }
}
