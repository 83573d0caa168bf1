//! What exists.

mod agent;
mod asking;
mod disks;
mod instance;
mod known;
mod memory;
mod networks;
mod process;
mod stamps;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use limekiln_api::HostFacts;
use limekiln_engine::EngineError;
use limekiln_hostagent::network::host::interfaces;
use limekiln_model::{Host, Observed, ObservedInstance};

use crate::error::blocking;
use crate::paths::Paths;
use crate::trash;
use known::{Instances, Running};
use memory::{Asked, Seen};

pub(crate) use agent::{agent_phase, lima_phase};
pub(crate) use memory::Memory;
pub(crate) use process::{agent_pid, driver_pid, lives};

/// Looks at everything. Of a stopped instance whose files are as they were, only their stamps are
/// looked at; running ones are asked, all at once.
pub(crate) async fn observe(
    paths: &Paths,
    facts: &Arc<HostFacts>,
    memory: &Memory,
) -> Result<Observed, EngineError> {
    let Seen { known, asked, shown } = memory.take();
    let (reader, shared) = (paths.clone(), Arc::clone(facts));
    let (mut known, mut observed) = blocking(move || read_files(known, &reader, &shared)).await?;
    let mut asked_now = Asked::default();
    let mut running = Running::new();
    for (name, asked, answer) in asking::ask_all(asked, asking::running(&known)).await {
        if let Some(known) = known.get_mut(&name) {
            let mut instance = ObservedInstance::clone(&known.instance);
            answer.fill(&mut instance);
            instance.booted = known.booted(facts, &name);
            // One and the same as before, if it is the same: who compares them is done at once.
            let before = shown.get(&name).filter(|before| ***before == instance);
            running.insert(name.clone(), before.map_or_else(|| instance.into(), Arc::clone));
        }
        asked_now.insert(name, asked);
    }
    observed.instances = known.shown(&running, shown);
    memory.put(Seen { known, asked: asked_now, shown: observed.instances.clone() });
    disks::settle(&mut observed);
    Ok(observed)
}

fn read_files(
    mut known: Instances,
    paths: &Paths,
    facts: &HostFacts,
) -> Result<(Instances, Observed), EngineError> {
    known.look(paths, facts)?;
    let observed = Observed {
        disks: disks::read(paths),
        networks: networks::read(paths)?,
        parked: trash::parked(paths),
        host: Some(Host {
            facts: facts.clone(),
            taken_ports: Default::default(),
            interfaces: interfaces(),
        }),
        ..Observed::default()
    };
    Ok((known, observed))
}
