//! Files that are opened as what they were found to be: a name can come to lead elsewhere between
//! the look at it and this.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Opens a file below a directory, which is canonical; a link is followed only if it leads to a file
/// below it. Nothing is waited for: a pipe is opened at once.
///
/// `None` if it leads elsewhere, or changes while it is opened.
///
/// # Errors
/// What the system says.
pub(crate) fn below(root: &Path, path: &Path) -> io::Result<Option<File>> {
    match straight(root, path) {
        Err(Errno::LOOP) => {}
        opened => return settle(opened),
    }
    let real = path.canonicalize()?;
    if !real.starts_with(root) {
        return Ok(None);
    }
    settle(straight(root, &real))
}

fn settle(opened: Result<File, Errno>) -> io::Result<Option<File>> {
    match opened {
        Ok(file) => Ok(Some(file)),
        // A link again; or somebody holds a lease on it, which he is asked to give up.
        Err(Errno::LOOP | Errno::XDEV | Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens it where no link is on the way from the root.
fn straight(root: &Path, path: &Path) -> Result<File, Errno> {
    let below = path.strip_prefix(root).map_err(|_| Errno::XDEV)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let dir = rustix::fs::open(
        root,
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY,
        Mode::empty(),
    )?;
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&dir, below, flags, Mode::empty(), resolve) {
            // Kernels before 5.6, and what keeps calls from programs that it does not know.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened.map(File::from),
        }
    }
    rustix::fs::openat(&dir, below, flags, Mode::empty()).map(File::from)
}

/// Whether it was there a moment ago, or will be in one.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn read(root: &Path, path: &Path) -> Option<String> {
        let mut text = String::new();
        below(root, path).ok()??.read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().expect("dir");
        let top = dir.path().canonicalize().expect("there");
        let (root, outside) = (top.join("m"), top.join("outside"));
        for dir in [root.join("team"), outside.clone()] {
            fs::create_dir_all(dir).expect("writable");
        }
        fs::write(root.join("team/web.yaml"), "ours").expect("writable");
        fs::write(outside.join("web.yaml"), "theirs").expect("writable");
        (dir, root, outside)
    }

    #[test]
    fn a_link_is_followed_below_the_root_alone() {
        let (_dir, root, outside) = place();
        symlink("team/web.yaml", root.join("near.yaml")).expect("writable");
        symlink(root.join("team/web.yaml"), root.join("whole.yaml")).expect("writable");
        symlink(outside.join("web.yaml"), root.join("far.yaml")).expect("writable");
        for name in ["team/web.yaml", "near.yaml", "whole.yaml"] {
            assert_eq!(read(&root, &root.join(name)).as_deref(), Some("ours"), "{name}");
        }
        assert_eq!(read(&root, &root.join("far.yaml")), None);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let (_dir, root, _) = place();
        let pipe = root.join("pipe.yaml");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("POSIX has it").success());
        let opened = below(&root, &pipe).expect("opened").expect("below");
        assert!(!opened.metadata().expect("there").is_file());
    }

    /// A file, and a directory on the way to it, are swapped for links that lead out, again and
    /// again, while it is read.
    #[test]
    fn a_swap_for_a_link_leads_nobody_out() {
        let (_dir, root, outside) = place();
        let (team, aside) = (root.join("team"), root.join("aside"));
        let (file, kept) = (team.join("web.yaml"), team.join("kept"));
        symlink(&outside, root.join("link")).expect("writable");
        symlink(outside.join("web.yaml"), team.join("link")).expect("writable");
        let ended = AtomicBool::new(false);
        let swap = |place: &Path, aside: &Path, link: &Path| {
            let there = fs::rename(place, aside).and_then(|()| fs::rename(link, place));
            let back = fs::rename(place, link).and_then(|()| fs::rename(aside, place));
            there.and(back).expect("nobody else renames");
        };
        let read = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    swap(&file, &kept, &team.join("link"));
                    swap(&team, &aside, &root.join("link"));
                }
            });
            let read: Vec<_> = (0..20_000).filter_map(|_| read(&root, &file)).collect();
            ended.store(true, Ordering::Relaxed);
            read
        });
        assert!(read.iter().all(|text| text == "ours"), "it was led out");
        assert!(read.len() > 100, "it was hardly ever there: {}", read.len());
    }
}
