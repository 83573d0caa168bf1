//! The file that `limekiln run --config` reads.

use std::path::{Path, PathBuf};

use limekiln_api::parse_settings;
use limekiln_sources::{SourceConfig, SourceKind, WatchRoot};
use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::output::diagnostic;

/// What a controller of this host keeps reading.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RunConfig {
    /// The sources, each with a name of its own.
    pub sources: Vec<SourceConfig>,
}

impl RunConfig {
    /// Reads the file; `~` is the home directory, and relative paths are relative to the file.
    ///
    /// # Errors
    /// If it cannot be read, or is wrong.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let bad = |why: String| Failure::bad_input(format!("{}: {why}", file.display()));
        let bytes = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
        let settings = parse_settings::<Self>(&bytes, file).map_err(|found| {
            found.iter().for_each(|one| errln!("{}\n", diagnostic::styled(one)));
            bad("it is wrong".to_owned()).hint("docs/sources.md has the fields")
        })?;
        let mut config = settings.value;
        if config.sources.is_empty() {
            return Err(bad("it names no sources".to_owned()).into());
        }
        let folder = std::path::absolute(file)?.parent().map(Path::to_owned).unwrap_or_default();
        let whole = |path: &mut PathBuf| {
            *path = match path.strip_prefix("~") {
                Ok(rest) => std::env::home_dir().unwrap_or_default().join(rest),
                Err(_) => folder.join(&*path),
            };
        };
        for source in &mut config.sources {
            source.policy.iter_mut().for_each(whole);
            match &mut source.kind {
                SourceKind::Directory(directory) => whole(&mut directory.path),
                SourceKind::Git(git) => {
                    let keys = git.verify.iter_mut();
                    keys.flat_map(|keys| [&mut keys.keyring, &mut keys.allowed_signers])
                        .flatten()
                        .for_each(whole);
                }
            }
        }
        Ok(config)
    }

    /// The directories of this host.
    pub fn roots(&self) -> Vec<WatchRoot> {
        let directory = |source: &SourceConfig| match &source.kind {
            SourceKind::Directory(directory) => {
                Some(WatchRoot { path: directory.path.clone(), recursive: directory.recursive })
            }
            SourceKind::Git(_) => None,
        };
        self.sources.iter().filter_map(directory).collect()
    }
}
