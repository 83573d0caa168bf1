//! All instances, from their files.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::SystemTime;

use limekiln_api::{HostFacts, Stamp};
use limekiln_engine::EngineError;
use limekiln_model::{Name, ObservedInstance, Shared};

use super::instance::Known;
use crate::error::file;
use crate::paths::Paths;

/// Fewer are read faster than a thread begins.
const LEAST: usize = 16;

/// Running instances, with what their host agents said.
pub(super) type Running = BTreeMap<Name, Arc<ObservedInstance>>;
/// All of them, as they are shown.
pub(super) type Shown = Shared<BTreeMap<Name, Arc<ObservedInstance>>>;

/// Every directory that Lima would take for an instance.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// The home when its entries were listed.
    home: Option<Stamp>,
    /// Sorted by name.
    all: Vec<(Name, Option<Known>)>,
}

impl Instances {
    /// Looks at them again. Reading YAML dominates, so all processors read.
    pub(super) fn look(&mut self, paths: &Paths, facts: &HostFacts) -> Result<(), EngineError> {
        self.list(paths)?;
        if self.all.is_empty() {
            return Ok(());
        }
        let home = fs::File::open(paths.home()).map_err(file("read", paths.home()))?;
        let look = |part: &mut [(Name, Option<Known>)]| {
            for (name, known) in part {
                Known::look(known, home.as_fd(), paths, facts, name, SystemTime::now());
            }
        };
        let processors = usize::try_from(facts.cpus).unwrap_or(1).clamp(1, 8);
        let share = self.all.len().div_ceil(processors).max(LEAST).min(self.all.len());
        let (own, others) = self.all.split_at_mut(share);
        let looked = std::thread::scope(|scope| {
            let threads: Vec<_> = others
                .chunks_mut(share.max(1))
                .map(|part| scope.spawn(move || look(part)))
                .collect();
            look(own);
            threads.into_iter().try_for_each(|thread| thread.join())
        });
        looked.map_err(|_| EngineError::permanent("reading the instances failed"))
    }

    /// Which there are: as before, if the home has not changed.
    fn list(&mut self, paths: &Paths) -> Result<(), EngineError> {
        let now = SystemTime::now();
        let home = fs::metadata(paths.home()).ok().map(|data| Stamp::of(&data, now));
        if let (Some(before), Some(home)) = (&self.home, &home)
            && before.holds(home)
        {
            return Ok(());
        }
        let mut before: BTreeMap<_, _> = std::mem::take(&mut self.all).into_iter().collect();
        let mut names = names(paths)?;
        names.sort();
        let known = |name| {
            let known = before.remove(&name).flatten();
            (name, known)
        };
        self.all = names.into_iter().map(known).collect();
        self.home = home;
        Ok(())
    }

    pub(super) fn get_mut(&mut self, name: &Name) -> Option<&mut Known> {
        let place = self.all.binary_search_by(|(other, _)| other.cmp(name)).ok()?;
        self.all[place].1.as_mut()
    }

    /// All that could be looked at.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Name, &Known)> {
        self.all.iter().filter_map(|(name, known)| Some((name, known.as_ref()?)))
    }

    /// What is to be seen of all; one and the same as `before`, if none has changed.
    pub(super) fn shown(&self, running: &Running, before: Shown) -> Shown {
        let now = || {
            self.iter().map(|(name, known)| (name, running.get(name).unwrap_or(&known.instance)))
        };
        let mut both = before.iter().zip(now());
        let same = both
            .all(|((name, before), (now_name, now))| Arc::ptr_eq(before, now) && name == now_name);
        if same && before.len() == now().count() {
            return before;
        }
        now().map(|(name, instance)| (name.clone(), Arc::clone(instance))).collect()
    }
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
