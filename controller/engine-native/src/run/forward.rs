//! Port forwards of a running instance.

use std::path::PathBuf;

use limekiln_engine::{EngineError, ErrorClass};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{Client, ClientError};
use limekiln_model::Name;

use crate::paths::Paths;

/// Has the host agent take in the forwards of `lima.yaml`. It keeps them from then on: a port that
/// is taken is had when it is free.
pub(crate) async fn forward(paths: &Paths, name: &Name) -> Result<(), EngineError> {
    let files = super::running(paths, name)?;
    match Client::new(files.file("ha.sock")).reload_forwards().await {
        Ok(()) => Ok(()),
        // It read them when it started; what changed since it cannot be told.
        Err(ClientError::Refused(why)) if NO_ROUTE.contains(&why.as_str()) => {
            if started_after_edit(&files) { Ok(()) } else { Err(too_old(name)) }
        }
        Err(ClientError::Refused(why)) => {
            Err(EngineError::permanent(format!("cannot forward ports of instance/{name}: {why}")))
        }
        Err(error) => Err(EngineError::new(
            ErrorClass::Transient,
            format!("the host agent of instance/{name} does not answer"),
        )
        .because(error)),
    }
}

/// What a host agent says that does not know the request: an older one of ours, and Lima's.
pub(super) const NO_ROUTE: [&str; 2] = ["no such path", "404 Not Found"];

fn started_after_edit(files: &InstanceFiles) -> bool {
    let changed = |path: PathBuf| path.metadata().and_then(|file| file.modified()).ok();
    changed(files.lima_yaml()) <= changed(files.file("ha.pid"))
}

fn too_old(name: &Name) -> EngineError {
    let message =
        format!("the host agent of instance/{name} cannot change port forwards while it runs");
    EngineError::needs_human(message).hint(format!("`limekiln restart {name}` puts them in place"))
}
