//! Why directories can't be watched.

/// This host gives no watches. Directories can still be looked at from time to time.
#[derive(Debug, thiserror::Error)]
#[error("file changes can't be watched")]
pub struct WatchError(#[from] notify::Error);

impl WatchError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        Some("raise fs.inotify.max_user_instances and fs.inotify.max_user_watches with sysctl")
    }
}
