//! What is remembered of files is never another thing than what is in them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use crate::read::GLANCE;
use crate::{Input, ReadOptions, Reader, Snapshot, read};

#[derive(Clone, Copy, Debug)]
enum Edit {
    InPlace(u8, u8),
    RenameIn(u8, u8),
    /// One that was written long ago takes the place.
    RenameOld(u8, u8),
    Swap(u8, u8),
    Remove(u8),
    Link(u8, u8),
    Directory(u8),
    /// What was asked for leads elsewhere.
    Retarget(u8),
    Nothing,
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = || 0..4u8;
    prop_oneof![
        (file(), any::<u8>()).prop_map(|(file, text)| Edit::InPlace(file, text)),
        (file(), any::<u8>()).prop_map(|(file, text)| Edit::RenameIn(file, text)),
        (file(), any::<u8>()).prop_map(|(file, text)| Edit::RenameOld(file, text)),
        (file(), file()).prop_map(|(a, b)| Edit::Swap(a, b)),
        file().prop_map(Edit::Remove),
        (file(), file()).prop_map(|(a, b)| Edit::Link(a, b)),
        file().prop_map(Edit::Directory),
        (0..2u8).prop_map(Edit::Retarget),
        Just(Edit::Nothing),
    ]
}

/// What is asked for: a link to one of two directories.
fn link(top: &Path) -> PathBuf {
    top.join("link")
}

fn begin(top: &Path) {
    for dir in ["0/below", "1/below"] {
        fs::create_dir_all(top.join(dir)).expect("writable");
    }
    symlink("0", link(top)).expect("writable");
}

fn make(edit: Edit, top: &Path) {
    let root = &top.join("0");
    let place = |file: u8| if file == 3 { root.join("below") } else { root.clone() };
    let path = |file: u8| place(file).join(format!("{file}.yaml"));
    let text = |text: u8| format!("# {text:03}\n");
    // Some of these fail, as when a directory is in the way: then nothing is edited.
    let _ = match edit {
        Edit::InPlace(file, of) => fs::write(path(file), text(of)),
        Edit::RenameIn(file, of) => fs::write(root.join(".new"), text(of))
            .and_then(|()| fs::rename(root.join(".new"), path(file))),
        Edit::RenameOld(file, of) => fs::write(root.join(".new"), text(of))
            .and_then(|()| fs::File::options().write(true).open(root.join(".new")))
            .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)))
            .and_then(|()| fs::rename(root.join(".new"), path(file))),
        Edit::Swap(a, b) => fs::rename(path(a), path(b)),
        Edit::Remove(file) => fs::remove_file(path(file)).or_else(|_| fs::remove_dir(path(file))),
        Edit::Link(a, b) => symlink(path(b), path(a)),
        Edit::Directory(file) => fs::create_dir(path(file)),
        Edit::Retarget(to) => {
            let _ = fs::remove_file(link(top));
            symlink(to.to_string(), link(top))
        }
        Edit::Nothing => Ok(()),
    };
}

fn options() -> ReadOptions {
    let patience = Duration::from_millis(20);
    ReadOptions { recursive: true, quiet: Duration::ZERO, patience, ..ReadOptions::default() }
}

/// What is new does not rest before a test ends.
fn patient() -> ReadOptions {
    let (quiet, patience) = (Duration::from_secs(600), Duration::from_secs(600));
    ReadOptions { quiet, patience, ..options() }
}

/// As if everything had rested for long: only then is anything remembered.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_remembered_is_what_is_in_the_files(edits in prop::collection::vec(edit(), 1..20)) {
        let dir = tempfile::tempdir().expect("a directory");
        begin(dir.path());
        let inputs = [Input::Path(link(dir.path()))];
        let mut reader = Reader::default();
        for edit in edits {
            // No file system of a test counts in longer steps.
            std::thread::sleep(Duration::from_millis(8));
            make(edit, dir.path());
            // Whoever looks before it is time changes nothing by it.
            reader.glance(&inputs, &options());
            let kept = reader.read_at(&inputs, &options(), later);
            match (kept, read(&inputs, &options())) {
                (Ok(kept), Ok(read)) => prop_assert_eq!(kept, read, "after {:?}", edit),
                (Err(kept), Err(read)) => prop_assert_eq!(kept.to_string(), read.to_string()),
                (kept, read) => prop_assert!(false, "{:?}: {:?} {:?}", edit, kept, read),
            }
        }
    }
}

#[test]
fn only_what_changed_is_read_again() {
    let dir = tempfile::tempdir().expect("a directory");
    begin(dir.path());
    let inputs = [Input::Path(link(dir.path()))];
    make(Edit::RenameIn(0, 1), dir.path());
    make(Edit::RenameIn(1, 1), dir.path());
    let mut reader = Reader::default();
    let mut take = |clock| -> Snapshot {
        reader.read_at(&inputs, &options(), clock).expect("readable").remove(0)
    };
    let first = take(later);
    make(Edit::RenameIn(1, 2), dir.path());
    let second = take(later);
    assert!(Arc::ptr_eq(&first.files[0], &second.files[0]));
    assert_eq!(second.files[1].bytes, b"# 002\n");
    assert_ne!(first.revision, second.revision);
    let young = take(SystemTime::now);
    assert_eq!(second, young);
    assert!(Arc::ptr_eq(&second.files[0], &young.files[0]), "what holds the same is the same");
}

#[test]
fn a_file_that_is_replaced_while_it_is_waited_for_is_waited_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("web.yaml");
    fs::write(&file, "# 1\n").expect("writable");
    let inputs = [Input::Path(file.clone())];
    let quiet = Duration::from_millis(100);
    let options = ReadOptions { quiet, patience: Duration::from_secs(60), ..options() };
    let mut reader = Reader::default();
    reader.try_read(&inputs, &options).expect("readable").expect_err("it is young");
    fs::remove_file(&file).expect("writable");
    reader.try_read(&inputs, &options).expect("readable").expect_err("it was there just now");
    fs::write(&file, "# 2\n").expect("writable");
    let read = reader.read(&inputs, &options).expect("readable").remove(0);
    assert_eq!(read.files[0].bytes, b"# 2\n");
    fs::remove_file(&file).expect("writable");
    reader.try_read(&inputs, &options).expect_err("it is gone");
}

#[test]
fn a_glance_sees_what_is_being_written_and_nothing_is_read_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    begin(dir.path());
    let inputs = [Input::Path(link(dir.path()))];
    let patient = patient();
    let mut reader = Reader::default();
    let tried = |reader: &mut Reader| reader.try_read(&inputs, &patient).expect("readable");
    make(Edit::RenameOld(0, 1), dir.path());
    assert_eq!(tried(&mut reader).expect("it has rested").remove(0).files.len(), 1);
    make(Edit::RenameIn(1, 1), dir.path());
    let wait = tried(&mut reader).expect_err("it is young");
    let seen = reader.glance(&inputs, &patient).expect("readable").remove(0);
    assert_eq!(seen.files.len(), 2);
    assert!(tried(&mut reader).expect_err("it is still young") <= wait, "it is waited on");
    for file in 0..=GLANCE {
        fs::write(dir.path().join(format!("0/n{file}.yaml")), "# new\n").expect("writable");
    }
    assert_eq!(reader.glance(&inputs, &patient), None, "that is much");
}

#[test]
fn what_is_gone_counts_once_the_directory_that_had_it_rests() {
    let dir = tempfile::tempdir().expect("a directory");
    begin(dir.path());
    let inputs = [Input::Path(link(dir.path()))];
    let patient = patient();
    let mut reader = Reader::default();
    let count = |reader: &mut Reader| {
        let tried = reader.try_read(&inputs, &patient).expect("readable");
        tried.map(|mut read| read.remove(0).files.len())
    };
    make(Edit::RenameOld(0, 1), dir.path());
    make(Edit::RenameOld(3, 1), dir.path());
    assert_eq!(count(&mut reader), Ok(2));
    make(Edit::Remove(0), dir.path());
    assert!(count(&mut reader).is_err(), "it may come back in a moment");
    make(Edit::RenameOld(0, 2), dir.path());
    assert_eq!(count(&mut reader), Ok(2), "what is there again is waited for no longer");
    fs::remove_dir_all(dir.path().join("0/below")).expect("writable");
    assert!(count(&mut reader).is_err(), "more may follow");
    let seen = reader.glance(&inputs, &patient).expect("readable").remove(0);
    assert_eq!(seen.files.len(), 1);
    assert!(count(&mut reader).is_err(), "a glance changes nothing of that");
    let root = fs::File::open(dir.path().join("0")).expect("readable");
    root.set_modified(SystemTime::now() - 2 * patient.quiet).expect("ours");
    assert_eq!(count(&mut reader), Ok(1));
}
