//! A second instance like the first.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use limekiln_engine::EngineError;
use limekiln_model::{Name, ObjectId};

use super::ByHand;
use crate::error::file;
use crate::images::copy_now;
use crate::staging::Staging;

/// What belongs to the first alone: its protection, the secrets of its TPM, and what it was
/// booted with.
const OWN: [&str; 5] = ["protected", "swtpm", "booted.yaml", "booted.json", "hostagent.json"];
/// What only a running one has, or one that is being made.
const PASSING: [&str; 3] = [".pid", ".sock", ".tmp"];

impl ByHand {
    /// Copies a stopped instance. Large files share their blocks where the file system can.
    /// Blocks.
    ///
    /// # Errors
    /// If there is none, it runs, the new name is taken or too long, or a file cannot be copied:
    /// then nothing is left of the copy.
    pub fn clone_instance(&self, from: &Name, to: &Name) -> Result<(), EngineError> {
        self.must_be_stopped(from)?;
        self.must_be_free(to)?;
        let staging = Staging::new(&self.paths, &ObjectId::instance(to))?;
        let dir = self.paths.instance(from);
        copy_dir(&dir, staging.dir())?;
        let mode = fs::metadata(&dir).map_err(file("read", &dir))?.permissions();
        fs::set_permissions(staging.dir(), mode).map_err(file("protect", staging.dir()))?;
        // Whoever started it meanwhile wrote into what was copied.
        self.must_be_stopped(from)?;
        self.must_be_free(to)?;
        staging.publish(&self.paths.instance(to))
    }
}

fn copy_dir(from: &Path, to: &Path) -> Result<(), EngineError> {
    for entry in fs::read_dir(from).map_err(file("read", from))? {
        let entry = entry.map_err(file("read", from))?;
        let (name, path) = (entry.file_name(), entry.path());
        let shown = name.to_string_lossy();
        if OWN.contains(&&*shown) || PASSING.iter().any(|end| shown.ends_with(end)) {
            continue;
        }
        copy_entry(&path, &to.join(&name))?;
    }
    Ok(())
}

fn copy_entry(from: &Path, to: &Path) -> Result<(), EngineError> {
    let data = from.symlink_metadata().map_err(file("read", from))?;
    if data.is_symlink() {
        let target = fs::read_link(from).map_err(file("read", from))?;
        return symlink(target, to).map_err(file("make", to));
    }
    if data.is_dir() {
        fs::create_dir(to).map_err(file("make", to))?;
        copy_dir(from, to)?;
    } else if data.is_file() {
        if from.file_name().is_some_and(|name| name == "vz-identifier") {
            // Two machines with one identity are none that macOS would start.
            fs::write(to, "").map_err(file("write", to))?;
        } else {
            copy_now(from, to).map_err(file("write", to))?;
        }
    } else {
        return Ok(());
    }
    fs::set_permissions(to, data.permissions()).map_err(file("protect", to))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use limekiln_api::HostFacts;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a name")
    }

    #[test]
    fn a_clone_has_all_but_what_belongs_to_one_alone() {
        let home = tempfile::tempdir().expect("a directory");
        let facts = HostFacts { lima_home: home.path().to_owned(), ..HostFacts::example() };
        let web = home.path().join("web");
        fs::create_dir_all(web.join("sock")).expect("writable");
        for file in ["lima.yaml", "disk", "protected", "ha.pid", "ssh.sock", "booted.json"] {
            fs::write(web.join(file), file).expect("writable");
        }
        symlink("disk", web.join("diffdisk")).expect("writable");
        fs::set_permissions(&web, fs::Permissions::from_mode(0o700)).expect("ours");
        let hand = ByHand::new(&facts);
        hand.clone_instance(&name("web"), &name("web2")).expect("cloned");
        let mut files: Vec<_> = fs::read_dir(home.path().join("web2"))
            .expect("there")
            .map(|entry| entry.expect("readable").file_name().into_string().expect("text"))
            .collect();
        files.sort();
        assert_eq!(files, ["diffdisk", "disk", "lima.yaml", "sock"]);
        let mode = fs::metadata(home.path().join("web2")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let again = hand.clone_instance(&name("web"), &name("web2")).expect_err("taken");
        assert_eq!(again.message, "web2 exists already");
        let long = "a".repeat(70);
        let deep = HostFacts { lima_home: home.path().join("x".repeat(30)), ..facts };
        fs::create_dir_all(deep.lima_home.join("web")).expect("writable");
        fs::write(deep.lima_home.join("web/lima.yaml"), "").expect("writable");
        let refused = ByHand::new(&deep).clone_instance(&name("web"), &name(&long));
        assert!(refused.expect_err("too long").message.contains("socket paths"));
    }
}
