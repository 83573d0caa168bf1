//! Where a path of this host leads.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::remote;

/// Follows the links of an absolute path. What does not exist yet is added as it is written: it
/// will be made there.
///
/// # Errors
/// If a link leads nowhere, so that it may lead anywhere later; if something on the way cannot be
/// looked at, or does not answer; if what does not exist has `..` in it.
pub(super) fn real_path(path: &Path) -> Result<PathBuf, String> {
    let silent = || format!("the file system of {} does not answer", path.display());
    remote::ask(path, follow).ok_or_else(silent)?
}

fn follow(path: &Path) -> Result<PathBuf, String> {
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = path;
    loop {
        match existing.canonicalize() {
            Ok(real) => {
                let rest = missing.iter().rev();
                return Ok(rest.fold(real, |path, name| path.join(name)));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", existing.display())),
        }
        if fs::symlink_metadata(existing).is_ok() {
            return Err(format!("{} is a link that leads nowhere", existing.display()));
        }
        match (existing.file_name(), existing.parent()) {
            (Some(name), Some(parent)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return Err(format!("{} does not exist and has `..` in it", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_and_what_is_missing_is_added() {
        let dir = tempfile::tempdir().expect("dir");
        let top = dir.path().canonicalize().expect("real");
        fs::create_dir_all(top.join("root/sub")).expect("dir");
        fs::create_dir(top.join("outside")).expect("dir");
        symlink("../outside", top.join("root/out")).expect("link");
        symlink("../nowhere", top.join("root/dangling")).expect("link");
        let real = |path: &str| real_path(&top.join(path));
        assert_eq!(real("root/sub"), Ok(top.join("root/sub")));
        assert_eq!(real("root/new/er"), Ok(top.join("root/new/er")));
        assert_eq!(real("root/out/new"), Ok(top.join("outside/new")));
        assert_eq!(real("root/out/../x"), Ok(top.join("x")), "as the kernel reads it");
        real("root/dangling").expect_err("it may lead anywhere later");
        real("root/dangling/below").expect_err("so may what is below it");
        real("root/new/../../..").expect_err("nobody knows where that will be");
    }
}
