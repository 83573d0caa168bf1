//! What is remembered is never another thing than what is there.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use limekiln_api::HostFacts;
use limekiln_model::Name;
use proptest::prelude::*;

use super::instance::Known;
use super::known::{Instances, Running, Shown};
use crate::paths::Paths;

/// Something that a user, Lima or a guest does to the files of an instance.
#[derive(Clone, Copy, Debug)]
enum Edit {
    InPlace(u8),
    Replace(u8),
    Version(u8),
    Protect,
    Unprotect,
    Grow(u8),
    Format,
    StalePid,
    NoPid,
    Remove,
    Unreadable,
    Nothing,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (1..5u8).prop_map(Edit::InPlace),
        (1..5u8).prop_map(Edit::Replace),
        (0..3u8).prop_map(Edit::Version),
        Just(Edit::Protect),
        Just(Edit::Unprotect),
        (1..5u8).prop_map(Edit::Grow),
        Just(Edit::Format),
        Just(Edit::StalePid),
        Just(Edit::NoPid),
        Just(Edit::Remove),
        Just(Edit::Unreadable),
        Just(Edit::Nothing),
    ]
}

fn make(edit: Edit, dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let yaml = |cpus| format!("cpus: {cpus}\n");
    match edit {
        Edit::InPlace(cpus) => fs::write(dir.join("lima.yaml"), yaml(cpus)),
        Edit::Replace(cpus) => {
            fs::write(dir.join("new"), yaml(cpus))?;
            fs::rename(dir.join("new"), dir.join("lima.yaml"))
        }
        Edit::Version(minor) => fs::write(dir.join("lima-version"), format!("1.{minor}.0")),
        Edit::Protect => fs::write(dir.join("protected"), ""),
        Edit::Unprotect => gone(fs::remove_file(dir.join("protected"))),
        Edit::Grow(by) => fs::File::create(dir.join("disk"))?.set_len(u64::from(by) << 20),
        Edit::Format => fs::write(dir.join("disk.format"), "raw\n"),
        Edit::StalePid => fs::write(dir.join("qemu.pid"), std::process::id().to_string()),
        Edit::NoPid => gone(fs::remove_file(dir.join("qemu.pid"))),
        Edit::Remove => fs::remove_dir_all(dir),
        Edit::Unreadable => fs::File::create(dir.join("lima.yaml"))?.write_all(b"cpus: [\n"),
        Edit::Nothing => Ok(()),
    }
}

fn gone(done: std::io::Result<()>) -> std::io::Result<()> {
    done.or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_remembered_is_what_is_there(edits in prop::collection::vec(edit(), 1..20)) {
        let home = tempfile::tempdir().expect("a directory");
        let (paths, name) = (Paths::new(home.path()), Name::new("vm").expect("a name"));
        let home = fs::File::open(home.path()).expect("there");
        let facts = HostFacts::example();
        let mut known = None;
        for (number, edit) in (1..).zip(edits) {
            // As if everything had rested for long, and looks were far apart: only what rested is
            // remembered, and what seldom changes is looked at seldom.
            let look = |mut known| {
                let now = SystemTime::now() + Duration::from_secs(60 * number);
                Known::look(&mut known, home.as_fd(), &paths, &facts, &name, now);
                known.expect("it was looked at")
            };
            // No file system of a test counts in longer steps.
            std::thread::sleep(Duration::from_millis(8));
            make(edit, &paths.instance(&name)).expect("writable");
            let again = look(known.take());
            prop_assert_eq!(&again.instance, &look(None).instance, "after {:?}", edit);
            known = Some(again);
        }
    }
}

#[test]
fn what_did_not_change_is_one_and_the_same_and_what_is_young_is_read_again() {
    let home = tempfile::tempdir().expect("a directory");
    let (paths, name) = (Paths::new(home.path()), Name::new("vm").expect("a name"));
    make(Edit::Replace(1), &paths.instance(&name)).expect("writable");
    let (facts, home) = (HostFacts::example(), fs::File::open(home.path()).expect("there"));
    let look = |mut known, later| {
        let now = SystemTime::now() + Duration::from_secs(later);
        Known::look(&mut known, home.as_fd(), &paths, &facts, &name, now);
        known.expect("it was looked at")
    };
    let first = look(None, 60);
    let config = first.instance.config.clone().expect("readable");
    let second = look(Some(first), 60);
    assert!(std::ptr::eq(&*config, &**second.instance.config.as_ref().expect("readable")));
    let young = look(Some(second), 0);
    assert!(!std::ptr::eq(&*config, &**young.instance.config.as_ref().expect("readable")));
}

/// Those that show at once; what is written once is looked at seldom.
fn edit_that_shows() -> impl Strategy<Value = Edit> {
    edit().prop_filter("it shows at once", |edit| {
        !matches!(edit, Edit::Version(_) | Edit::Grow(_) | Edit::Format)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Which there are, and what is in them.
    #[test]
    fn the_home_that_is_remembered_is_the_one_that_is_there(
        edits in prop::collection::vec((0..3u8, edit_that_shows()), 1..12)
    ) {
        let home = tempfile::tempdir().expect("a directory");
        let (paths, facts) = (Paths::new(home.path()), HostFacts::example());
        let look = |instances: &mut Instances| instances.look(&paths, &facts).expect("readable");
        let mut known = Instances::default();
        let mut before = Shown::default();
        for (vm, edit) in edits {
            // Now and then so soon that nothing rests, and now and then not.
            std::thread::sleep(Duration::from_millis(u64::from(vm) * 15));
            let name = Name::new(format!("vm{vm}")).expect("a name");
            make(edit, &paths.instance(&name)).expect("writable");
            look(&mut known);
            let shown = known.shown(&Running::new(), before.clone());
            let mut anew = Instances::default();
            look(&mut anew);
            prop_assert_eq!(&*shown, &*anew.shown(&Running::new(), Shown::default()));
            before = shown;
        }
    }
}
