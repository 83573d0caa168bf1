//! The unix socket in the home.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use limekiln_reconciler::Home;

/// `sockaddr_un.sun_path` with its closing zero, of unix(7) and macOS's sys/un.h.
const LONGEST: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// A socket that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The system has no addresses of that length.
    #[error(
        "the path of a socket has at most {most} bytes here, and {path} has {length}",
        most = LONGEST - 1,
        path = .0.display(),
        length = .0.as_os_str().len()
    )]
    TooLong(PathBuf),
    /// No permission, no space.
    #[error("cannot listen on {path}", path = .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl SocketError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooLong(_) => Some("use a home with a shorter path: LIMA_HOME"),
            Self::Io { .. } => None,
        }
    }
}

/// Where the controller of a home answers.
pub fn path(home: &Home) -> PathBuf {
    home.dir().join("control.sock")
}

/// A socket file of this process; it goes when this does, unless another one has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    number: Option<(u64, u64)>,
}

impl SocketFile {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), number: number(path) }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.number.is_some() && number(&self.path) == self.number {
            // If it stays, it is refused by the kernel, and replaced by whoever comes next.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Which file it is.
fn number(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Listens there, for this user alone. One that a killed process has left is replaced; only who
/// has the lock of the home may do that.
pub(crate) fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    if path.as_os_str().len() >= LONGEST {
        return Err(SocketError::TooLong(path.to_owned()));
    }
    let failed = |source| SocketError::Io { path: path.to_owned(), source };
    // Nobody sees it before it has its mode; a name that is no longer than the real one.
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&new).map_err(failed)?;
    fs::set_permissions(&new, Permissions::from_mode(0o600)).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_a_killed_process_left_is_replaced() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("control.sock");
        drop(listen(&path).expect("free"));
        UnixStream::connect(&path).expect_err("nobody listens");
        let _again = listen(&path).expect("replaced");
        UnixStream::connect(&path).expect("somebody listens");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!path.with_extension("new").exists());
    }

    #[test]
    fn only_ones_own_socket_goes() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("control.sock");
        let _first = listen(&path).expect("free");
        let file = SocketFile::at(&path);
        let _second = listen(&path).expect("replaced");
        let newer = SocketFile::at(&path);
        drop(file);
        assert!(path.exists(), "it is the other one's");
        drop(newer);
        assert!(!path.exists());
    }

    #[test]
    fn a_long_path_is_refused_with_its_length() {
        let path = Path::new("/tmp").join("x".repeat(120));
        let error = listen(&path).expect_err("too long");
        assert!(error.to_string().contains("has 125"), "{error}");
        assert!(error.hint().is_some());
    }
}
