//! What a store depends on.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use limekiln_api::{Arch, HostFacts};

/// All that a store depends on, so that a test can say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSettings {
    /// `$LIMA_HOME`.
    pub lima_home: PathBuf,
    /// The host user's home, for `~` in what a plugin answers.
    pub home: PathBuf,
    /// The host's architecture: that of an image whose name tells none.
    pub arch: Arch,
    /// `LIMA_TEMPLATES_PATH`: replaces all other places of templates.
    pub templates_path: Option<OsString>,
    /// `PATH`: where an installed limactl and plugins are looked for.
    pub path: OsString,
    /// The folders of our own program, as it was called and as it is.
    pub own_dirs: Vec<PathBuf>,
    /// GitHub's API, without a slash at the end.
    pub github_api: String,
    /// Where GitHub serves files, without a slash at the end.
    pub github_raw: String,
    /// `GH_TOKEN`, else `GITHUB_TOKEN`.
    pub github_token: Option<String>,
    /// How long one answer of a server may take.
    pub http_timeout: Duration,
    /// How long a plugin may run.
    pub plugin_timeout: Duration,
}

impl TemplateSettings {
    /// With nothing but what is built in.
    pub fn new(facts: &HostFacts) -> Self {
        Self {
            lima_home: facts.lima_home.clone(),
            home: facts.home.clone(),
            arch: facts.arch,
            templates_path: None,
            path: OsString::new(),
            own_dirs: Vec::new(),
            github_api: "https://api.github.com".to_owned(),
            github_raw: "https://raw.githubusercontent.com".to_owned(),
            github_token: None,
            http_timeout: Duration::from_secs(30),
            plugin_timeout: Duration::from_secs(60),
        }
    }

    /// As the process's environment says.
    pub fn from_environment(facts: &HostFacts) -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            templates_path: set("LIMA_TEMPLATES_PATH"),
            path: set("PATH").unwrap_or_default(),
            own_dirs: own_dirs(),
            github_token: text("GH_TOKEN").or_else(|| text("GITHUB_TOKEN")),
            ..Self::new(facts)
        }
    }

    /// Folders of programs beside which Lima's files are: an installed limactl's, then ours.
    pub(super) fn program_dirs(&self) -> Vec<PathBuf> {
        let limactl = env::split_paths(&self.path)
            .map(|dir| dir.join("limactl"))
            .find(|program| is_executable(program));
        let mut dirs = limactl.as_deref().map(dirs_of).unwrap_or_default();
        dirs.extend(self.own_dirs.iter().cloned());
        without_repeats(dirs)
    }
}

/// The folders of our own program.
fn own_dirs() -> Vec<PathBuf> {
    let called = env::args_os().next().map(PathBuf::from).filter(|path| path.is_absolute());
    let real = env::current_exe().ok();
    let dirs = [called, real].into_iter().flatten().flat_map(|program| dirs_of(&program));
    without_repeats(dirs.collect())
}

/// Where a program is, and where it is when links are followed: Homebrew links it to another
/// prefix.
fn dirs_of(program: &Path) -> Vec<PathBuf> {
    let real = program.canonicalize().ok();
    let programs = [Some(program.to_owned()), real].into_iter().flatten();
    programs.filter_map(|program| program.parent().map(Path::to_owned)).collect()
}

fn without_repeats(dirs: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::with_capacity(dirs.len());
    for dir in dirs {
        if !kept.contains(&dir) {
            kept.push(dir);
        }
    }
    kept
}

/// A regular file, perhaps behind a link, that somebody may run.
pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether the folder exists and holds anything; an empty `share/lima` is left over from a
/// removal.
pub(super) fn has_entries(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}
