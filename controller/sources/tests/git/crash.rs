//! Controllers and gits that die in the middle.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use limekiln_sources::git::{GitConfig, GitError, GitOptions, GitReference, GitSource};

use crate::fixture::{Fixture, MANIFEST, command, git, noise};

/// A remote that sends a part of what it has and then runs `then`.
fn cut(bytes: usize, then: &str) -> String {
    format!("shift; sh -c \"$1\" | (head -c {bytes}; {then})\n")
}

/// A repository whose fetch takes some hundred kilobytes.
fn large() -> Fixture {
    let fixture = Fixture::new();
    fs::write(fixture.path("work/noise"), noise(512 << 10)).expect("write");
    fixture.push("noise");
    fixture
}

#[test]
fn a_git_that_is_killed_at_any_point_leaves_a_usable_cache() {
    let fixture = large();
    let head = fixture.head();
    for bytes in [0, 100, 1_000, 20_000, 300_000] {
        // The remote's parent is the git that fetches.
        let (config, options) = fixture.by_ssh(&cut(bytes, "kill -9 $PPID; sleep 1"));
        let mut source = fixture.source_with(&config, &options);
        let error = source.fetch(None, None).expect_err("git was killed");
        assert!(error.is_unreachable(), "after {bytes}: {error:?}");
    }
    let (config, options) = fixture.by_ssh("shift; exec sh -c \"$1\"\n");
    let snapshot = fixture.source_with(&config, &options).fetch(None, None).expect("a snapshot");
    assert_eq!(snapshot.revision, head);
    let left = fs::read_dir(fixture.cached().join("objects/pack")).expect("packs").flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp_"));
    assert_eq!(left.count(), 0, "a killed git's files are left");
}

const CHILD: &str = "LIMEKILN_TEST_CHILD_CACHE";

/// A controller of its own, to be killed: this program, started once more with [`CHILD`] set.
fn fetch_until_killed(top: &Path) {
    let url = format!("host:{}", top.join("vms.git").display());
    let config = GitConfig::new(url, GitReference::Branch("main".into()));
    let ssh = Some(top.join("remote").to_string_lossy().into_owned());
    let options = GitOptions { ssh, ..GitOptions::default() };
    let source = GitSource::open("team", &config, &top.join("cache"), &options);
    let _ = source.expect("a source").fetch(None, None);
    panic!("it was to be killed");
}

#[test]
fn a_controller_that_is_killed_leaves_a_usable_cache() {
    if let Some(top) = env::var_os(CHILD) {
        return fetch_until_killed(Path::new(&top));
    }
    let fixture = large();
    let begun = fixture.path("begun");
    let go_on = fixture.path("go-on");
    let wait = format!(
        "touch {}; while ! test -e {}; do sleep 0.1; done",
        begun.display(),
        go_on.display()
    );
    let (config, options) = fixture.by_ssh(&cut(300_000, &wait));
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "crash::a_controller_that_is_killed_leaves_a_usable_cache"])
        .env(CHILD, fixture.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child");
    wait_for(|| begun.exists());
    child.kill().expect("kill");
    child.wait().expect("wait");

    // Its git lives on and is not disturbed.
    let mut source = fixture.source_with(&config, &options);
    let error = source.fetch(None, None).expect_err("another git works");
    assert!(matches!(error, GitError::Busy { .. }) && error.is_unreachable(), "{error:?}");
    fs::write(&go_on, "").expect("write");
    let (config, options) = fixture.by_ssh("shift; exec sh -c \"$1\"\n");
    let mut source = fixture.source_with(&config, &options);
    let mut read = None;
    wait_for(|| {
        match source.fetch(None, None) {
            Ok(snapshot) => read = Some(snapshot),
            Err(GitError::Busy { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
        read.is_some()
    });
    assert_eq!(read.map(|snapshot| snapshot.revision), Some(fixture.head()));
}

fn wait_for(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn lock_files_of_a_killed_git_are_no_obstacle() {
    let fixture = Fixture::new();
    let first = fixture.fetch(&fixture.config()).expect("a snapshot");
    fixture.put("db.yaml", MANIFEST);
    let head = fixture.push("second");
    let cached = fixture.cached();
    for name in [
        "HEAD.lock",
        "config.lock",
        "shallow.lock",
        "packed-refs.lock",
        "refs/limekiln/new.lock",
        "refs/limekiln/tip.lock",
        "objects/pack/tmp_pack_abc",
        "objects/pack/pack-0000.keep",
    ] {
        File::create(cached.join(name)).expect(name);
    }
    fs::write(cached.join("refs/limekiln/new"), "garbage").expect("write");
    fs::write(cached.join("mark"), "").expect("write");
    let read = fixture.source(&fixture.config()).fetch(Some(&first.revision), None);
    assert_eq!(read.expect("a snapshot").revision, head);
    assert!(cached.join("mark").exists(), "it was made anew, which is slow and was not needed");
}

#[test]
fn a_damaged_cache_is_made_anew() {
    let fixture = Fixture::new();
    let good = fixture.fetch(&fixture.config()).expect("a snapshot");
    for damage in 0..8 {
        let cached = fixture.cached();
        let pack = pack(&fixture);
        match damage {
            0 => fs::remove_file(&pack).expect("remove"),
            1 => fs::write(&pack, "").expect("truncate"),
            2 => flip(&pack, 12..60),
            3 => fs::remove_file(cached.join("HEAD")).expect("remove"),
            4 => fs::write(cached.join("HEAD"), "\0\0\0").expect("write"),
            5 => fs::write(cached.join("config"), "[core\0").expect("write"),
            6 => fs::write(cached.join("refs/limekiln/tip"), "\0\0").expect("write"),
            _ => fs::remove_dir_all(cached.join("objects")).expect("remove"),
        }
        let mut source = fixture.source(&fixture.config());
        let read = source.fetch(Some(&good.revision), None);
        assert_eq!(read.unwrap_or_else(|error| panic!("{damage}: {error:?}")), good);
        assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good, "{damage}");
    }
}

#[test]
fn a_damaged_cache_never_gives_other_bytes() {
    let fixture = Fixture::new();
    let good = fixture.fetch(&fixture.config()).expect("a snapshot");
    let pack = pack(&fixture);
    let whole = fs::read(&pack).expect("read");
    for at in 0..whole.len() {
        flip(&pack, at..at + 1);
        match fixture.source(&fixture.config()).last_good(&good.revision) {
            Ok(read) => assert_eq!(read, good, "byte {at}"),
            Err(
                GitError::Damaged { .. } | GitError::UnknownCommit { .. } | GitError::Io { .. },
            ) => {}
            Err(other) => panic!("byte {at}: {other:?}"),
        }
        fs::write(&pack, &whole).expect("write");
    }
    assert_eq!(fixture.source(&fixture.config()).last_good(&good.revision).expect("whole"), good);
}

#[test]
fn another_object_under_an_id_is_not_believed() {
    let fixture = Fixture::new();
    fixture.put("db.yaml", "kind: Other");
    let commit = fixture.push("two files");
    fixture.fetch(&fixture.config()).expect("a snapshot");
    let cached = fixture.cached();
    let packs = fixture.path("packs");
    fs::rename(cached.join("objects/pack"), &packs).expect("rename");
    for file in fs::read_dir(&packs).expect("packs").flatten().map(|entry| entry.path()) {
        if file.extension().is_some_and(|end| end == "pack") {
            let mut unpack = command(&cached);
            unpack.args(["unpack-objects", "-q"]).stdin(File::open(file).expect("open"));
            assert!(unpack.status().expect("git").success());
        }
    }
    let mut source = fixture.source(&fixture.config());
    assert_eq!(source.last_good(&commit).expect("loose objects").files.len(), 2);
    let loose = |name: &str| {
        let id = git(&cached, &["rev-parse", &format!("{commit}:{name}")]);
        cached.join("objects").join(&id[..2]).join(&id[2..])
    };
    let (web, db) = (loose("web.yaml"), loose("db.yaml"));
    fs::remove_file(&web).expect("remove");
    fs::copy(&db, &web).expect("copy");
    let error = source.last_good(&commit).expect_err("another object");
    assert!(matches!(error, GitError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_damaged_cache_without_its_remote_is_told_and_kept() {
    let fixture = Fixture::new();
    let good = fixture.fetch(&fixture.config()).expect("a snapshot");
    fs::write(fixture.cached().join("HEAD"), "\0").expect("write");
    fs::rename(fixture.path("vms.git"), fixture.path("away.git")).expect("rename");
    let mut source = fixture.source(&fixture.config());
    let error = source.fetch(Some(&good.revision), None).expect_err("gone");
    assert!(error.is_unreachable(), "{error:?}");
    assert_eq!(source.last_good(&good.revision).expect("its objects are whole"), good);
}

fn pack(fixture: &Fixture) -> PathBuf {
    let files = fs::read_dir(fixture.cached().join("objects/pack")).expect("packs").flatten();
    let mut packs = files
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "pack"));
    packs.next().expect("a pack")
}

/// Git makes packs read-only.
fn flip(path: &Path, range: std::ops::Range<usize>) {
    let mut bytes = fs::read(path).expect("read");
    let end = range.end.min(bytes.len());
    bytes[range.start..end].iter_mut().for_each(|byte| *byte ^= 0x41);
    let _ = fs::remove_file(path);
    fs::write(path, bytes).expect("write");
}
