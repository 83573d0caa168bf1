//! A socket's place on the host.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tokio::net::UnixListener;

/// A socket that we made; removed when this is dropped, if it is still that one.
#[derive(Debug)]
pub(super) struct HostSocket {
    path: PathBuf,
    /// Device and inode.
    made: (u64, u64),
}

impl HostSocket {
    /// Listens, for this user alone.
    ///
    /// # Errors
    /// Somebody else listens there (`AddrInUse`), or it can't be made.
    pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        make_room(path)?;
        let listener = UnixListener::bind(path)?;
        let file = fs::symlink_metadata(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok((listener, Self { path: path.to_owned(), made: (file.dev(), file.ino()) }))
    }
}

impl Drop for HostSocket {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|file| (file.dev(), file.ino()) == self.made) {
            // Nothing can be done about a failure; whoever needs the place replaces a socket.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the folder, and removes a socket that nobody has open any more, as an earlier host agent
/// leaves it.
///
/// # Errors
/// Somebody has the socket (`AddrInUse`), or what stands there is no socket.
pub(super) fn make_room(path: &Path) -> io::Result<()> {
    if is_socket(path) && is_open(path)? {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    replace(path)
}

/// Makes the folder, and removes a socket, whoever has it: for places that are nobody else's.
///
/// # Errors
/// What stands there is no socket.
pub(crate) fn replace(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
    }
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is no socket is there"))
        }
        Err(_) => Ok(()),
    }
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Whether a process has it open. A datagram socket asks: the kernel first looks whether anybody is
/// there (unix(7): `ECONNREFUSED`), then whether the types agree. So who listens for connections
/// gets none from us, and a queue that is full holds up nobody.
fn is_open(path: &Path) -> io::Result<bool> {
    let Err(error) = UnixDatagram::unbound()?.connect(path) else { return Ok(true) };
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(false),
        // Another user's: it can't be had either way.
        io::ErrorKind::PermissionDenied => Ok(true),
        _ if error.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()) => Ok(true),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener as StdListener, UnixStream};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[tokio::test]
    async fn who_listens_keeps_the_place_and_gets_no_connection() {
        let folder = folder();
        let path = folder.path().join("sub/a.sock");
        let (listener, first) = HostSocket::bind(&path).unwrap();
        let refused = HostSocket::bind(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
        listener.accept().await.unwrap();
        let none = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept());
        assert!(none.await.is_err(), "a look is a connection");
        // The place is free before the listener, which its task drops, has ended.
        drop(first);
        let (_listener, _second) = HostSocket::bind(&path).unwrap();
        drop(listener);
        UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn a_full_queue_and_other_types_are_taken_too() {
        let folder = folder();
        let path = folder.path().join("full.sock");
        let (_listener, _socket) = HostSocket::bind(&path).unwrap();
        let mut waiting = Vec::new();
        loop {
            let stream = tokio::net::UnixStream::connect(&path).await;
            let Ok(stream) = stream else { break };
            waiting.push(stream);
        }
        assert_eq!(make_room(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let path = folder.path().join("datagrams.sock");
        let _datagrams = UnixDatagram::bind(&path).unwrap();
        assert_eq!(make_room(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists());
    }

    #[test]
    fn what_nobody_has_gives_way_and_files_do_not() {
        let folder = folder();
        let path = folder.path().join("left.sock");
        drop(StdListener::bind(&path).unwrap());
        make_room(&path).unwrap();
        assert!(!path.exists());
        fs::write(&path, "mine").unwrap();
        assert_eq!(make_room(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(replace(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[tokio::test]
    async fn the_end_removes_only_its_own() {
        let folder = folder();
        let path = folder.path().join("a.sock");
        let (_listener, socket) = HostSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = StdListener::bind(&path).unwrap();
        drop(socket);
        UnixStream::connect(&path).unwrap();
        let path = folder.path().join("b.sock");
        let (_listener, socket) = HostSocket::bind(&path).unwrap();
        drop(socket);
        assert!(!path.exists());
    }
}
