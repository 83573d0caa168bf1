//! Reading real files while others write them.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use limekiln_sources::{Input, ReadOptions, Reader, SkippedKind, Snapshot, SourceError, read};

const MANIFEST: &str =
    "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 20GiB}\n";

fn options() -> ReadOptions {
    ReadOptions { patience: Duration::from_secs(5), ..ReadOptions::default() }
}

fn one(path: &Path) -> Result<Snapshot, SourceError> {
    read(&[Input::Path(path.to_owned())], &options()).map(|mut all| all.remove(0))
}

/// Writes a file that has been quiet for long.
fn put(path: &Path, text: &str) {
    fs::write(path, text).expect("write");
    let past = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(path).expect("open").set_modified(past).expect("set time");
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    snapshot.files.iter().map(|file| name(&file.path)).collect()
}

#[test]
fn only_manifests_of_a_directory_are_read() {
    let dir = tempfile::tempdir().expect("dir");
    for name in ["b.yml", "a.yaml", "c.json", ".hidden.yaml", "a.yaml~", "#a.yaml#", "a.yaml.tmp"] {
        put(&dir.path().join(name), MANIFEST);
    }
    put(&dir.path().join("notes.txt"), "");
    fs::create_dir(dir.path().join("below")).expect("dir");
    put(&dir.path().join("below/d.yaml"), MANIFEST);
    assert_eq!(names(&one(dir.path()).expect("read")), ["a.yaml", "b.yml", "c.json"]);

    let all = ReadOptions { recursive: true, ..options() };
    let all = read(&[Input::Path(dir.path().into())], &all).expect("read");
    assert_eq!(names(&all[0]), ["a.yaml", "b.yml", "d.yaml", "c.json"]);
}

/// The revision stays: what was rolled back must not come back with a link.
#[test]
fn a_link_in_the_place_of_a_directory_or_manifest_is_left_out() {
    let dir = tempfile::tempdir().expect("dir");
    let root = dir.path().canonicalize().expect("there");
    fs::create_dir_all(root.join("real/below")).expect("dir");
    let all = ReadOptions { recursive: true, ..options() };
    let mut reader = Reader::default();
    let mut seen = |options: &ReadOptions| {
        let snapshot = reader.read(&[Input::Path(root.clone())], options).expect("read").remove(0);
        let skipped = snapshot.skipped.iter().map(|one| (one.origin.clone(), one.kind));
        (skipped.collect::<Vec<_>>(), snapshot.revision)
    };
    let (none, before) = seen(&all);
    assert_eq!(none, []);
    symlink("real/below", root.join("sub")).expect("link");
    symlink("nowhere", root.join("real/gone")).expect("link");
    symlink("real", root.join("web.yaml")).expect("link");
    let whole = (root.join("web.yaml"), SkippedKind::LinkToDirectory);
    let links = ["real/gone", "sub"].map(|name| (root.join(name), SkippedKind::Link));
    let (found, after) = seen(&all);
    assert_eq!(found, [links.to_vec(), vec![whole.clone()]].concat());
    assert_eq!(before, after);
    assert_eq!(seen(&options()).0, [whole], "nothing else would be read");
    for link in ["sub", "real/gone", "web.yaml"] {
        fs::remove_file(root.join(link)).expect("a link");
    }
    assert_eq!(seen(&all), (Vec::new(), before));
}

#[test]
fn a_missing_or_unreadable_root_is_an_error_and_an_empty_one_is_not() {
    let dir = tempfile::tempdir().expect("dir");
    let missing = one(&dir.path().join("gone"));
    assert!(matches!(missing, Err(SourceError::Read { .. })), "{missing:?}");
    assert_eq!(one(dir.path()).expect("empty").files, []);
}

#[test]
fn the_revision_says_whether_anything_changed() {
    let dir = tempfile::tempdir().expect("dir");
    put(&dir.path().join("a.yaml"), MANIFEST);
    let first = one(dir.path()).expect("read").revision;
    assert_eq!(one(dir.path()).expect("read").revision, first);
    fs::rename(dir.path().join("a.yaml"), dir.path().join("b.yaml")).expect("rename");
    assert_ne!(one(dir.path()).expect("read").revision, first);
}

#[test]
fn links_may_not_leave_the_directory() {
    let dir = tempfile::tempdir().expect("dir");
    let outside = tempfile::tempdir().expect("dir");
    put(&outside.path().join("secret.yaml"), MANIFEST);
    put(&dir.path().join("a.yaml"), MANIFEST);
    symlink("a.yaml", dir.path().join("same.yaml")).expect("link");
    assert_eq!(one(dir.path()).expect("read").files.len(), 2);
    symlink(outside.path().join("secret.yaml"), dir.path().join("b.yaml")).expect("link");
    let refused = one(dir.path());
    assert!(matches!(refused, Err(SourceError::Escapes { .. })), "{refused:?}");
}

#[test]
fn sizes_and_counts_are_bounded() {
    let dir = tempfile::tempdir().expect("dir");
    for name in ["a.yaml", "b.yaml"] {
        put(&dir.path().join(name), MANIFEST);
    }
    let with = |options: ReadOptions| read(&[Input::Path(dir.path().into())], &options);
    let large = with(ReadOptions { max_file: 10, ..options() });
    assert!(matches!(large, Err(SourceError::TooLarge { max: 10, .. })), "{large:?}");
    let many = with(ReadOptions { max_files: 1, ..options() });
    assert!(matches!(many, Err(SourceError::TooMuch { what: "files", .. })), "{many:?}");
    for number in 0..1_001 {
        symlink("nowhere", dir.path().join(format!("{number}"))).expect("link");
    }
    let linked = with(ReadOptions { max_files: 2, recursive: true, ..options() });
    let linked = linked.expect("links are no files").remove(0);
    let root = dir.path().canonicalize().expect("there");
    assert_eq!(linked.skipped.iter().map(|one| &*one.origin).collect::<Vec<_>>(), [&*root]);
    let much = with(ReadOptions { max_total: MANIFEST.len() as u64 + 1, ..options() });
    assert!(matches!(much, Err(SourceError::TooMuch { what: "bytes", .. })), "{much:?}");
}

#[test]
fn a_file_that_two_inputs_reach_is_read_once() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("a.yaml");
    put(&file, MANIFEST);
    let inputs = [Input::Path(dir.path().into()), Input::Path(file), Input::Stdin(b"x".to_vec())];
    let all = read(&inputs, &options()).expect("read");
    let counts: Vec<_> = all.iter().map(|snapshot| snapshot.files.len()).collect();
    assert_eq!(counts, [1, 0, 1]);
    assert!(all[0].is_lasting() && !all[2].is_lasting());
}

/// Writes up to `cut`, lets a reader begin, writes the rest. Returns what was read, or `None` if
/// this machine was too busy for the pause to be shorter than the quiet time.
fn interrupted(cut: usize) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("a.yaml");
    let begun = Instant::now();
    fs::write(&file, &MANIFEST[..cut]).expect("write");
    let root = dir.path().to_owned();
    let reader = std::thread::spawn(move || one(&root).expect("read"));
    std::thread::sleep(Duration::from_millis(20));
    fs::write(&file, MANIFEST).expect("write");
    let in_time = begun.elapsed() < Duration::from_millis(150);
    let mut snapshot = reader.join().expect("reader");
    in_time.then(|| snapshot.files.remove(0).bytes.clone())
}

#[test]
fn a_writer_that_stops_at_any_byte_is_waited_for() {
    let cuts: Vec<_> = (0..MANIFEST.len()).collect();
    let proved: usize = cuts
        .chunks(16)
        .map(|chunk| {
            let threads: Vec<_> = chunk
                .iter()
                .map(|&cut| std::thread::spawn(move || (0..20).find_map(|_| interrupted(cut))))
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    let bytes = thread.join().expect("thread").expect("a run in time");
                    assert_eq!(bytes, MANIFEST.as_bytes());
                })
                .count()
        })
        .sum();
    assert_eq!(proved, MANIFEST.len());
}

#[test]
fn a_file_that_never_rests_is_an_error_in_the_end() {
    let dir = tempfile::tempdir().expect("dir");
    let file = dir.path().join("a.yaml");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        fs::write(&file, "a").expect("write");
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(&file, "b").expect("write");
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let options = ReadOptions { patience: Duration::from_millis(300), ..options() };
        let busy = read(&[Input::Path(file.clone())], &options);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(matches!(busy, Err(SourceError::Busy { .. })), "{busy:?}");
    });
}
