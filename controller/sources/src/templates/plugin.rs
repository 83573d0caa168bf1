//! `limactl-url-SCHEME` programs, which know what a scheme leads to.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use limekiln_api::template::FetchError;

use super::TemplateSettings;
use super::run::{Ended, run};
use super::settings::{has_entries, is_executable};

/// Where plugins are, and how they are run.
#[derive(Debug)]
pub(super) struct Plugins {
    dirs: Vec<PathBuf>,
    timeout: Duration,
}

impl Plugins {
    /// Lima's order: beside limactl, on the PATH, in `libexec/lima` and `lib/lima`.
    pub(super) fn new(settings: &TemplateSettings) -> Self {
        let programs = settings.program_dirs();
        let inner = programs.iter().filter_map(|dir| dir.parent()).flat_map(|prefix| {
            [prefix.join("libexec/lima"), prefix.join("lib/lima")]
                .into_iter()
                .filter(|dir| has_entries(dir))
        });
        let inner: Vec<_> = inner.collect();
        let dirs = programs.into_iter().chain(env::split_paths(&settings.path)).chain(inner);
        Self { dirs: dirs.collect(), timeout: settings.plugin_timeout }
    }

    /// The plugin of a scheme.
    pub(super) fn find(&self, scheme: &str) -> Option<PathBuf> {
        let name = format!("limactl-url-{scheme}");
        self.dirs.iter().map(|dir| dir.join(&name)).find(|path| is_executable(path))
    }

    /// What the plugin makes of what follows the scheme's colon.
    pub(super) fn transform(&self, plugin: &Path, rest: &str) -> Result<String, FetchError> {
        let shown = format!("{} {rest:?}", plugin.display());
        match run(plugin, rest, &self.search_path(), self.timeout) {
            Ok(Ended::Done { out }) if out.trim().is_empty() => {
                Err(FetchError::new(format!("{shown} printed no locator"))
                    .hint("run it by hand to see why"))
            }
            Ok(Ended::Done { out }) => Ok(out.trim().to_owned()),
            Ok(Ended::Failed { status, err }) => {
                let why = if err.trim().is_empty() { status } else { err.trim().to_owned() };
                Err(FetchError::new(format!("{shown} failed: {why}")))
            }
            Ok(Ended::TooSlow) => {
                let seconds = self.timeout.as_secs_f32();
                Err(FetchError::new(format!("{shown} had not ended after {seconds} s"))
                    .hint("it was killed; run it by hand to see what it waits for"))
            }
            Err(error) => Err(FetchError::new(format!("cannot run {shown}")).because(error)),
        }
    }

    /// Plugins may call each other, wherever they are.
    fn search_path(&self) -> OsString {
        let dirs = self.dirs.iter().filter(|dir| !dir.to_string_lossy().contains(':'));
        env::join_paths(dirs).unwrap_or_default()
    }
}
