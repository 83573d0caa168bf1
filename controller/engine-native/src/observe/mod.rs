//! What exists.

mod agent;
mod disks;
mod instance;
mod process;

use std::fs;
use std::sync::Arc;

use futures::future::join_all;
use limekiln_api::HostFacts;
use limekiln_engine::EngineError;
use limekiln_model::{Host, Name, Observed, ObservedInstance};

use crate::error::{blocking, file};
use crate::paths::Paths;
use crate::trash;

pub(crate) use agent::{agent_phase, lima_phase};
pub(crate) use process::{agent_pid, driver_pid};

/// Looks at everything. Stopped instances cost a few file reads; running ones are asked.
pub(crate) async fn observe(
    paths: &Paths,
    facts: &Arc<HostFacts>,
) -> Result<Observed, EngineError> {
    let (reader, shared) = (paths.clone(), Arc::clone(facts));
    let mut observed = blocking(move || read_files(&reader, &shared)).await?;
    let running = observed.instances.iter_mut().filter(|(_, instance)| instance.phase.is_running());
    join_all(
        running.map(|(name, instance)| agent::ask(paths, facts, name, Arc::make_mut(instance))),
    )
    .await;
    disks::settle(&mut observed);
    Ok(observed)
}

fn read_files(paths: &Paths, facts: &HostFacts) -> Result<Observed, EngineError> {
    Ok(Observed {
        instances: instances(paths, facts)?,
        disks: disks::read(paths),
        parked: trash::parked(paths),
        host: Some(Host { facts: facts.clone(), taken_ports: Default::default() }),
        ..Observed::default()
    })
}

/// Every directory that Lima would take for an instance. Reading YAML dominates, so all
/// processors read.
fn instances(
    paths: &Paths,
    facts: &HostFacts,
) -> Result<std::collections::BTreeMap<Name, Arc<ObservedInstance>>, EngineError> {
    let entries = match fs::read_dir(paths.home()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(file("read", paths.home())(error)),
    };
    let names: Vec<Name> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        // Names that begin with `.` or `_` are no names.
        .filter_map(|entry| Name::new(entry.file_name().into_string().ok()?).ok())
        .collect();
    let share = names.len().div_ceil(usize::try_from(facts.cpus).unwrap_or(1).clamp(1, 8)).max(16);
    let read = |names: &[Name]| -> Vec<_> {
        names
            .iter()
            .map(|name| (name.clone(), Arc::new(instance::read(paths, facts, name))))
            .collect()
    };
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> =
            names.chunks(share).map(|part| scope.spawn(move || read(part))).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Result<Vec<_>, _>>()
    });
    let parts = parts.map_err(|_| EngineError::permanent("reading the instances failed"))?;
    Ok(parts.into_iter().flatten().collect())
}
