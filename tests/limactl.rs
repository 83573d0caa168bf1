//! The same templates through the real limactl, where it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{embedded, folder, lima, names};

/// `file` of a probe is not read by Lima (since 2.0.0) unless `script` is an empty string.
const KNOWN: [&str; 1] = ["provision-files"];

/// What both of us make of a template that builds on others.
#[test]
fn limactl_embeds_the_same() {
    let Some(limactl) = std::env::var_os("LIMEKILN_TEST_LIMACTL") else {
        println!("SKIPPED: LIMEKILN_TEST_LIMACTL is not set; it names a limactl to compare with");
        return;
    };
    let dir = world();
    for name in names() {
        // It brings no templates with it.
        if name == "base-builtin" || KNOWN.contains(&name.as_str()) {
            continue;
        }
        let output = Command::new(&limactl)
            .args(["template", "copy", "--embed-all"])
            .arg(dir.path().join(format!("{name}.yaml")))
            .env("LIMA_TEMPLATES_PATH", dir.path().join("_templates"))
            .output()
            .expect("it starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
        let theirs = limekiln_api::read_lima(&String::from_utf8_lossy(&output.stdout));
        let theirs = serde_json::to_value(theirs.expect(&name)).expect("plain data");
        let ours = serde_json::to_value(lima(&embedded(&name))).expect("plain data");
        assert_eq!(ours, theirs, "{name}");
    }
}

/// A copy of the corpus that another user can read: limactl refuses to be root.
fn world() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("/tmp can be written");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    copy(&folder(), dir.path());
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("readable") {
        let from = entry.expect("readable").path();
        let to = to.join(from.file_name().expect("a name"));
        if from.is_dir() {
            fs::create_dir(&to).expect("ours");
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("ours");
        }
    }
}
