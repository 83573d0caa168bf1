//! What templates are checked against.

use std::path::Path;

use crate::HostFacts;

/// What is at a path of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A directory.
    Directory,
    /// A file with content.
    File,
    /// A socket.
    Socket,
    /// Something else.
    Other,
    /// Nothing.
    Missing,
    /// It cannot be looked at.
    Inaccessible,
    /// Nobody looked: every rule about it holds.
    Unknown,
}

/// What templates are checked against. Looking at the host is the caller's: this crate does no
/// I/O.
#[derive(Clone, Copy)]
pub struct Checks<'a> {
    /// The host.
    pub host: &'a HostFacts,
    /// Says what is at an absolute path of the host, symbolic links followed.
    pub look: &'a dyn Fn(&Path) -> PathKind,
}

impl<'a> Checks<'a> {
    /// Checks that look at no file.
    pub fn unseen(host: &'a HostFacts) -> Self {
        Self { host, look: &|_| PathKind::Unknown }
    }

    /// What is at a path that may begin with `~`; unknown for one that is not absolute.
    pub(super) fn kind(&self, path: &str) -> PathKind {
        let rest = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        match rest {
            Some(rest) => (self.look)(&self.host.home.join(rest.trim_start_matches('/'))),
            None if path.starts_with('/') => (self.look)(Path::new(path)),
            None => PathKind::Unknown,
        }
    }
}
