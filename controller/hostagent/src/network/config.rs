//! `networks.yaml` as a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use limekiln_api::networks_yaml::NetworksConfig;

use super::NetworkError;

/// Where it is.
pub fn networks_yaml(lima_home: &Path) -> PathBuf {
    lima_home.join("_config/networks.yaml")
}

/// The networks of a home; Lima's own if there is no file.
///
/// # Errors
/// It can't be read.
pub fn networks_config(lima_home: &Path) -> Result<NetworksConfig, NetworkError> {
    let path = networks_yaml(lima_home);
    match fs::read_to_string(&path) {
        Ok(text) => {
            NetworksConfig::read(&text).map_err(|source| NetworkError::Yaml { path, source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(NetworksConfig::default()),
        Err(error) => Err(NetworkError::file("read", path)(error)),
    }
}
