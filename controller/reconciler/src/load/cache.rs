//! Instances that were found right the last time, so that they need not be checked again.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use limekiln_api::{Diagnostic, HostFacts, PathKind};
use limekiln_model::{DesiredInstance, ObjectId, Wanted};
use limekiln_sources::SourceFile;

use super::{LoadContext, look};

/// What the last load found right, for who loads again and again.
///
/// Kept is only what depends on nothing but its own file, this host's facts, and paths that are
/// looked at again: an instance without an error that is alone in its file and builds on no other
/// template, under no lock and no policy. Everything else is loaded anew each time.
#[derive(Debug, Default)]
pub(crate) struct LoadCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    facts: Option<HostFacts>,
    files: ByFile,
}

/// By the path of the file, as bytes: to hash paths part by part takes longer.
type ByFile = HashMap<OsString, Sound>;

/// An instance with which all is well.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    pub(super) file: Arc<SourceFile>,
    pub(super) id: ObjectId,
    pub(super) wanted: Arc<Wanted<DesiredInstance>>,
    /// What there is to say about it all the same.
    pub(super) warnings: Vec<Diagnostic>,
    /// What was at the paths that were looked at.
    pub(super) looks: Vec<(PathBuf, PathKind)>,
}

/// Those of the last load that may still be right.
#[derive(Default)]
pub(super) struct Candidates {
    files: ByFile,
    /// Each path is looked at once.
    looked: HashMap<PathBuf, PathKind>,
}

impl LoadCache {
    /// Takes out what it has for a load under this context.
    pub(super) fn take(&self, context: &LoadContext<'_>) -> Candidates {
        let kept = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let files = match kept.facts {
            Some(facts) if may_keep(context) && facts == *context.facts => kept.files,
            _ => HashMap::new(),
        };
        Candidates { files, looked: HashMap::new() }
    }

    /// Keeps what was found right.
    pub(super) fn put(&self, context: &LoadContext<'_>, sound: impl Iterator<Item = Sound>) {
        if !may_keep(context) {
            return;
        }
        let files =
            sound.map(|sound| (sound.file.origin.clone().into_os_string(), sound)).collect();
        let kept = Kept { facts: Some(context.facts.clone()), files };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

/// Whether what was found right depends on nothing that a context may bring.
pub(super) fn may_keep(context: &LoadContext<'_>) -> bool {
    context.lock.is_none() && !context.explain && context.embedding.default_base.is_none()
}

impl Candidates {
    /// The instance of a file, if all is as it was.
    pub(super) fn get(
        &mut self,
        source: &str,
        file: &Arc<SourceFile>,
        context: &LoadContext<'_>,
    ) -> Option<Sound> {
        let sound = self.files.remove(file.origin.as_os_str())?;
        let same = Arc::ptr_eq(&sound.file, file) || sound.file == *file;
        let of_source = sound.wanted.origin.source == source;
        if !same || !of_source || !context.policies.of(source).allows_all() {
            return None;
        }
        let looked = &mut self.looked;
        let as_it_was = sound.looks.iter().all(|(path, kind)| {
            looked.get(path).copied().unwrap_or_else(|| {
                let now = look::at(path);
                looked.insert(path.clone(), now);
                now
            }) == *kind
        });
        as_it_was.then_some(sound)
    }
}
