//! What exists.

mod agent;
mod asking;
mod disks;
mod instance;
mod memory;
mod networks;
mod process;
mod stamps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use limekiln_api::HostFacts;
use limekiln_engine::EngineError;
use limekiln_hostagent::network::host::interfaces;
use limekiln_model::{Host, Name, Observed, ObservedInstance};

use crate::error::{blocking, file};
use crate::paths::Paths;
use crate::trash;
use instance::Known;
use memory::Seen;

pub(crate) use agent::{agent_phase, lima_phase};
pub(crate) use memory::Memory;
pub(crate) use process::{agent_pid, driver_pid, lives};

/// Fewer are read faster than a thread begins.
const LEAST: usize = 16;

/// Looks at everything. Of a stopped instance whose files are as they were, only their stamps are
/// looked at; running ones are asked, all at once.
pub(crate) async fn observe(
    paths: &Paths,
    facts: &Arc<HostFacts>,
    memory: &Memory,
) -> Result<Observed, EngineError> {
    let Seen { known, asked, shown } = memory.take();
    let (reader, shared) = (paths.clone(), Arc::clone(facts));
    let (known, mut observed) = blocking(move || read_files(known, &reader, &shared)).await?;
    let mut seen = Seen { known, ..Seen::default() };
    for (name, asked, answer) in asking::ask_all(asked, asking::running(&seen.known)).await {
        if let Some(known) = seen.known.get_mut(&name) {
            let mut instance = ObservedInstance::clone(&known.instance);
            answer.fill(&mut instance);
            instance.booted = known.booted(facts, &name);
            // One and the same as before, if it is the same: who compares them is done at once.
            let before = shown.get(&name).filter(|before| ***before == instance);
            let instance = before.map_or_else(|| Arc::new(instance), Arc::clone);
            observed.instances.insert(name.clone(), Arc::clone(&instance));
            seen.shown.insert(name.clone(), instance);
        }
        seen.asked.insert(name, asked);
    }
    memory.put(seen);
    disks::settle(&mut observed);
    Ok(observed)
}

type Read = (BTreeMap<Name, Known>, Observed);

fn read_files(
    known: BTreeMap<Name, Known>,
    paths: &Paths,
    facts: &HostFacts,
) -> Result<Read, EngineError> {
    let known = instances(known, paths, facts)?;
    let instances = known.iter().map(|(name, known)| (name.clone(), Arc::clone(&known.instance)));
    let observed = Observed {
        instances: instances.collect(),
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

/// Every directory that Lima would take for an instance. Reading YAML dominates, so all
/// processors read.
fn instances(
    mut before: BTreeMap<Name, Known>,
    paths: &Paths,
    facts: &HostFacts,
) -> Result<BTreeMap<Name, Known>, EngineError> {
    let mut all: Vec<_> = names(paths)?
        .into_iter()
        .map(|name| before.remove_entry(&name).map_or((name, None), |(name, it)| (name, Some(it))))
        .collect();
    let processors = usize::try_from(facts.cpus).unwrap_or(1).clamp(1, 8);
    let share = all.len().div_ceil(processors).max(LEAST);
    let look = |part: Vec<(Name, Option<Known>)>| -> Vec<_> {
        let look = |(name, before)| {
            let known = Known::look(before, paths, facts, &name, SystemTime::now());
            (name, known)
        };
        part.into_iter().map(look).collect()
    };
    if all.len() <= share {
        return Ok(look(all).into_iter().collect());
    }
    let mut shares = Vec::new();
    while !all.is_empty() {
        shares.push(all.split_off(all.len().saturating_sub(share)));
    }
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> =
            shares.into_iter().map(|part| scope.spawn(move || look(part))).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Result<Vec<_>, _>>()
    });
    let parts = parts.map_err(|_| EngineError::permanent("reading the instances failed"))?;
    Ok(parts.into_iter().flatten().collect())
}

/// Names that begin with `.` or `_` are no names.
fn names(paths: &Paths) -> Result<Vec<Name>, EngineError> {
    let entries = match fs::read_dir(paths.home()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file("read", paths.home())(error)),
    };
    let directories =
        entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(directories
        .filter_map(|entry| Name::new(entry.file_name().into_string().ok()?).ok())
        .collect())
}
