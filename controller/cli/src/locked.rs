//! Whether images that are files are those that were locked.

use std::collections::BTreeMap;

use limekiln_api::Diagnostic;
use limekiln_engine_native::NativeConfig;
use limekiln_model::{Frozen, ObjectId};
use limekiln_reconciler::Loaded;
use limekiln_sources::lock::{ImageDigests, Lock, needed_images};

use crate::compose::App;

/// Freezes instances whose images on this host are others than in the lock. What is downloaded is
/// checked when it arrives; a file would only be when an instance is made from it.
pub fn check_files(lock: &Lock, loaded: &mut Loaded, app: &App) {
    let facts = app.facts();
    let cache_dir = NativeConfig::new(facts.clone()).cache_dir;
    let digests = ImageDigests { cache_dir, home: facts.home.clone(), download: false };
    let mut files = BTreeMap::new();
    let mut changed = Vec::new();
    for (name, wanted) in &loaded.desired.instances {
        for image in needed_images(&wanted.spec.spec.template) {
            let problem = files
                .entry(image.location.clone())
                .or_insert_with(|| problem(lock, &digests, &image.location));
            if let Some(why) = problem {
                changed.push((name.clone(), why.clone()));
                break;
            }
        }
    }
    for (name, why) in changed {
        if let Some(wanted) = loaded.desired.instances.remove(&name) {
            let origin = wanted.origin.clone();
            let place = Diagnostic::about_file(&origin.file, format!("instance/{name}: {why}"));
            let hint =
                Some("if that is on purpose, `limekiln lock` with the same -f accepts it".into());
            loaded.diagnostics.push(Diagnostic { line: origin.line, column: 1, hint, ..place });
            loaded.desired.frozen.insert(ObjectId::instance(&name), Frozen { why, origin });
        }
    }
}

/// What is wrong with a file, if it is one.
fn problem(lock: &Lock, digests: &ImageDigests, location: &str) -> Option<String> {
    // Only this algorithm is ever written by `limekiln lock`; others are checked at their use.
    let locked = lock.image(location).filter(|digest| digest.starts_with("sha256:"))?;
    match digests.of_file(location) {
        Ok(Some(found)) if found != *locked => Some(format!(
            "{location} has changed: it was locked with {locked}, and now has the digest {found}"
        )),
        Ok(_) => None,
        Err(error) => {
            let why = std::error::Error::source(&error).map(|why| format!(": {why}"));
            Some(format!("{error}{}", why.unwrap_or_default()))
        }
    }
}
