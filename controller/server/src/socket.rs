//! The unix socket in the home.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use limekiln_reconciler::Home;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketType};

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
    /// Somebody listens there.
    #[error("another program listens at {}", .0.display())]
    Taken(PathBuf),
    /// It is somebody's file, directory or link.
    #[error("{} is there already, and is no socket", .0.display())]
    NoSocket(PathBuf),
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
            Self::Taken(_) | Self::NoSocket(_) => Some("name a path at which there is nothing"),
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
    // Nobody sees it before it has its mode.
    let (listener, new) = bind_beside(path).map_err(failed)?;
    let moved = fs::set_permissions(&new, Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&new, path))
        .and_then(|()| listener.set_nonblocking(true));
    moved.inspect_err(|_| drop(fs::remove_file(&new))).map_err(failed)?;
    Ok(listener)
}

/// The same at a path that somebody chose: what is there is left alone, unless it is a socket at
/// which nobody listens any more.
pub(crate) fn listen_where_free(path: &Path) -> Result<UnixListener, SocketError> {
    let failed = |source| SocketError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NoSocket(path.to_owned()));
        }
        Ok(_) if is_heard(path).map_err(failed)? => {
            return Err(SocketError::Taken(path.to_owned()));
        }
        Ok(_) => {}
    }
    listen(path)
}

/// Whether somebody listens there. Waits for nobody, also not for one who takes no more peers.
fn is_heard(path: &Path) -> io::Result<bool> {
    let address = SocketAddrUnix::new(path)?;
    let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    match net::connect(&socket, &address) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
        // A socket for datagrams has no peers, and is used all the same.
        Ok(()) | Err(Errno::AGAIN | Errno::INPROGRESS | Errno::PROTOTYPE) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Listens in the same directory under a name that nobody has, and that is no longer than
/// `control.sock`.
fn bind_beside(path: &Path) -> io::Result<(UnixListener, PathBuf)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let new = path.with_file_name(format!(".{process:x}.{count:x}"));
        match UnixListener::bind(&new) {
            // One that was killed here had the same number.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound.map(|listener| (listener, new)),
        }
    }
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
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1, "nothing beside it");
    }

    #[test]
    fn what_somebody_else_has_at_a_path_is_left_alone() {
        let dir = tempfile::tempdir().expect("dir");
        let at = |name: &str| dir.path().join(name);
        let (file, folder, link) = (at("notes.new"), at("folder"), at("link"));
        fs::write(&file, "mine").expect("writable");
        fs::create_dir(&folder).expect("writable");
        std::os::unix::fs::symlink(at("nowhere"), &link).expect("writable");
        for path in [&file, &folder, &link] {
            let error = listen_where_free(path).expect_err("it is no socket");
            assert!(matches!(error, SocketError::NoSocket(_)), "{error}");
        }
        let (heard, packets) = (at("heard.sock"), at("packets.sock"));
        let _other = UnixListener::bind(&heard).expect("free");
        let _other = std::os::unix::net::UnixDatagram::bind(&packets).expect("free");
        for path in [&heard, &packets] {
            let error = listen_where_free(path).expect_err("it is used");
            assert!(matches!(error, SocketError::Taken(_)), "{error}");
        }
        UnixStream::connect(&heard).expect("it still listens");
        // What lies beside it is no business of it either.
        drop(listen_where_free(&at("notes.sock")).expect("free"));
        assert_eq!(fs::read_to_string(&file).expect("still there"), "mine");
        let _again = listen_where_free(&at("notes.sock")).expect("nobody listens there any more");
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
