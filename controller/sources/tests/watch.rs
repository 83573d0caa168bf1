//! Wake-ups by real changes of real directories.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use limekiln_sources::{DirectoryWatch, Input, ReadOptions, WatchRoot, read};

/// Longer than any wake-up takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(20);
/// Long enough for a needless wake-up to show.
const SHORT: Duration = Duration::from_millis(400);

fn watch(path: &Path, recursive: bool) -> DirectoryWatch {
    DirectoryWatch::new([WatchRoot { path: path.to_owned(), recursive }]).expect("a watch")
}

/// Takes what is still under way.
fn settle(watch: &mut DirectoryWatch) {
    while watch.changed(SHORT) {}
}

#[test]
fn what_is_written_renamed_in_or_removed_wakes_up() {
    let dir = tempfile::tempdir().expect("dir");
    let outside = tempfile::tempdir().expect("dir");
    let mut watch = watch(dir.path(), false);
    assert!(!watch.changed(SHORT), "nothing happened");

    fs::write(dir.path().join("a.yaml"), "a").expect("write");
    assert!(watch.changed(LONG), "a new file");
    settle(&mut watch);
    fs::write(dir.path().join("a.yaml"), "b").expect("write");
    assert!(watch.changed(LONG), "a changed file");
    settle(&mut watch);
    fs::write(outside.path().join("b.yaml"), "b").expect("write");
    assert!(!watch.changed(SHORT), "that was elsewhere");
    fs::rename(outside.path().join("b.yaml"), dir.path().join("a.yaml")).expect("rename");
    assert!(watch.changed(LONG), "renamed in");
    settle(&mut watch);
    fs::rename(dir.path().join("a.yaml"), outside.path().join("c.yaml")).expect("rename");
    assert!(watch.changed(LONG), "renamed out");
    settle(&mut watch);
    fs::write(dir.path().join("d.yaml"), "d").expect("write");
    settle(&mut watch);
    fs::remove_file(dir.path().join("d.yaml")).expect("remove");
    assert!(watch.changed(LONG), "removed");
}

#[test]
fn what_changed_between_two_calls_is_not_lost() {
    let dir = tempfile::tempdir().expect("dir");
    let mut watch = watch(dir.path(), false);
    fs::write(dir.path().join("a.yaml"), "a").expect("write");
    std::thread::sleep(SHORT);
    assert!(watch.changed(Duration::ZERO));
}

#[test]
fn reading_and_hidden_files_wake_up_nobody() {
    let dir = tempfile::tempdir().expect("dir");
    fs::create_dir(dir.path().join(".git")).expect("dir");
    fs::write(dir.path().join("a.yaml"), "kind: Disk").expect("write");
    let mut watch = watch(dir.path(), true);
    read(&[Input::Path(dir.path().into())], &ReadOptions::default()).expect("read");
    fs::write(dir.path().join(".git/index"), "x").expect("write");
    fs::write(dir.path().join(".a.yaml.swp"), "x").expect("write");
    assert!(!watch.changed(SHORT));
}

#[test]
fn a_root_that_is_removed_and_made_again_is_watched_again() {
    let dir = tempfile::tempdir().expect("dir");
    let root = dir.path().join("root");
    let mut watch = watch(&root, false);
    assert!(!watch.changed(SHORT), "a missing root is no reason to look again and again");
    fs::create_dir(&root).expect("dir");
    assert!(watch.changed(LONG), "the root came");
    settle(&mut watch);
    for round in 0..2 {
        fs::remove_dir_all(&root).expect("remove");
        assert!(watch.changed(LONG), "the root went");
        settle(&mut watch);
        fs::create_dir(&root).expect("dir");
        assert!(watch.changed(LONG), "the root came again");
        settle(&mut watch);
        fs::write(root.join("a.yaml"), "a").expect("write");
        assert!(watch.changed(LONG), "a file in round {round}");
        settle(&mut watch);
    }
    let other = dir.path().join("other");
    fs::create_dir(&other).expect("dir");
    fs::rename(&root, dir.path().join("old")).expect("rename");
    fs::rename(&other, &root).expect("rename");
    assert!(watch.changed(LONG), "replaced by another directory");
    settle(&mut watch);
    fs::write(root.join("b.yaml"), "b").expect("write");
    assert!(watch.changed(LONG), "a file in the other directory");
}

/// The file system may give the new directory the number of the old one.
#[test]
fn a_root_that_is_made_again_between_two_looks_is_watched_again() {
    let dir = tempfile::tempdir().expect("dir");
    let root = dir.path().join("root");
    fs::create_dir(&root).expect("dir");
    let mut watch = watch(&root, false);
    settle(&mut watch);
    for round in 0..3 {
        fs::remove_dir(&root).expect("remove");
        fs::create_dir(&root).expect("dir");
        assert!(watch.changed(LONG), "another root");
        settle(&mut watch);
        fs::write(root.join("a.yaml"), "a").expect("write");
        assert!(watch.changed(LONG), "a file in round {round}");
        settle(&mut watch);
        fs::remove_file(root.join("a.yaml")).expect("remove");
        settle(&mut watch);
    }
}

#[test]
fn a_link_that_comes_to_lead_elsewhere_wakes_up() {
    let dir = tempfile::tempdir().expect("dir");
    for name in ["one", "two"] {
        fs::create_dir(dir.path().join(name)).expect("dir");
    }
    let current = dir.path().join("current");
    symlink("one", &current).expect("link");
    let mut watch = watch(&current, false);
    symlink("two", dir.path().join("next")).expect("link");
    fs::rename(dir.path().join("next"), &current).expect("rename");
    assert!(watch.changed(LONG), "the link leads elsewhere");
    settle(&mut watch);
    fs::write(dir.path().join("two/a.yaml"), "a").expect("write");
    assert!(watch.changed(LONG), "a file where it leads now");
}

#[test]
fn directories_made_later_are_watched_if_asked() {
    let dir = tempfile::tempdir().expect("dir");
    let mut deep = watch(dir.path(), true);
    let mut flat = watch(dir.path(), false);
    let below = dir.path().join("a/b/c");
    fs::create_dir_all(&below).expect("dirs");
    assert!(deep.changed(LONG) && flat.changed(LONG), "a new directory");
    settle(&mut deep);
    settle(&mut flat);
    fs::write(below.join("x.yaml"), "x").expect("write");
    assert!(deep.changed(LONG), "a file far below");
    assert!(!flat.changed(SHORT), "nobody asked for what is below");
}

#[test]
fn one_file_is_watched_by_its_directory() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("a.yaml");
    fs::write(&file, "a").expect("write");
    let mut watch = watch(&file, false);
    fs::write(dir.path().join("b.yaml"), "b").expect("write");
    assert!(!watch.changed(SHORT), "another file");
    for text in ["b", "c"] {
        fs::write(dir.path().join("new"), text).expect("write");
        fs::rename(dir.path().join("new"), &file).expect("rename");
        assert!(watch.changed(LONG), "replaced");
        settle(&mut watch);
    }
}

#[test]
fn roots_within_roots_come_and_go_without_each_other() {
    let dir = tempfile::tempdir().expect("dir");
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).expect("dir");
    let root = |path: &Path| WatchRoot { path: path.to_owned(), recursive: true };
    let mut watch = DirectoryWatch::new([root(dir.path()), root(&inner)]).expect("a watch");
    fs::remove_dir_all(&inner).expect("remove");
    assert!(watch.changed(LONG));
    settle(&mut watch);
    fs::create_dir(&inner).expect("dir");
    settle(&mut watch);
    fs::write(inner.join("a.yaml"), "a").expect("write");
    assert!(watch.changed(LONG));
}

#[test]
fn a_storm_is_one_wake_up_and_does_not_hold_it_back() {
    let dir = tempfile::tempdir().expect("dir");
    let mut watch = watch(dir.path(), false);
    let root = dir.path().to_owned();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let stop = stop.clone();
        move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(root.join("a.yaml"), "a").expect("write");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let begun = Instant::now();
    assert!(watch.changed(LONG));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().expect("writer");
}

/// What the kernel queues for one watcher is bounded; what comes beyond is told as an overflow.
#[test]
fn an_overflow_wakes_up_and_watching_goes_on() {
    let max = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let Some(max) = max.ok().and_then(|text| text.trim().parse::<usize>().ok()) else {
        println!("SKIPPED: this system has no bound on queued events that is known");
        return;
    };
    if max > 1 << 20 {
        println!("SKIPPED: {max} events would have to be queued");
        return;
    }
    let dir = tempfile::tempdir().expect("dir");
    let mut watch = watch(dir.path(), false);
    let (one, two) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    fs::write(&one, "a").expect("write");
    for _ in 0..max / 2 {
        fs::rename(&one, &two).expect("rename");
        fs::rename(&two, &one).expect("rename");
    }
    assert!(watch.changed(LONG), "a storm");
    settle(&mut watch);
    fs::write(&one, "b").expect("write");
    assert!(watch.changed(LONG), "a file after the storm");
}
