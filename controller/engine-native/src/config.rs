//! Where the engine works.

use std::path::{Path, PathBuf};

use limekiln_api::HostFacts;

/// Where the engine works, and with what.
#[derive(Clone, Debug)]
pub struct NativeConfig {
    /// Facts about the host; `lima_home` is where instances are.
    pub facts: HostFacts,
    /// The user's cache directory; images go below `lima/download` there, as Lima's do.
    pub cache_dir: PathBuf,
    /// The program whose `hostagent` subcommand runs an instance.
    pub agent_exe: PathBuf,
    /// The program whose `usernet` subcommand is the daemon of a user-v2 network.
    pub usernet_exe: PathBuf,
}

impl NativeConfig {
    /// The usual places: `$XDG_CACHE_HOME` or the platform's cache directory, and this program
    /// itself as the host agent and network daemon (`$LIMEKILN_HOSTAGENT_EXE` and
    /// `$LIMEKILN_USERNET_EXE` name others).
    pub fn new(facts: HostFacts) -> Self {
        let cache_dir = cache_dir(&facts.os, &facts.home);
        let agent_exe = std::env::var_os("LIMEKILN_HOSTAGENT_EXE")
            .map(PathBuf::from)
            .or_else(|| std::env::current_exe().ok())
            .unwrap_or_else(|| "limekiln".into());
        let usernet_exe = limekiln_hostagent::network::program();
        Self { facts, cache_dir, agent_exe, usernet_exe }
    }
}

/// As Go's `os.UserCacheDir`, which Lima asks.
fn cache_dir(os: &str, home: &Path) -> PathBuf {
    if os == "macos" {
        return home.join("Library/Caches");
    }
    match std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => dir.into(),
        None => home.join(".cache"),
    }
}
