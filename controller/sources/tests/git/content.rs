//! What of a commit is read.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use limekiln_sources::git::{GitConfig, GitError, GitOptions};
use limekiln_sources::{Input, ReadOptions, SkippedKind, Snapshot, SourceError, read};

use crate::fixture::{Fixture, MANIFEST, names};

#[test]
fn a_commit_is_read_and_never_checked_out() {
    let fixture = Fixture::new();
    fixture.put(".gitattributes", "*.yaml text eol=crlf filter=evil\n");
    let commit = fixture.push("with attributes");
    let snapshot = fixture.fetch(&fixture.config()).expect("a snapshot");
    assert_eq!((&*snapshot.source, &snapshot.revision), ("git:team", &commit));
    assert!(snapshot.is_lasting());
    let file = &snapshot.files[0];
    let shown = format!("{}@{}:web.yaml", fixture.url(), &commit[..7]);
    assert_eq!((file.path.as_path(), file.origin.as_path()), (shown.as_ref(), "web.yaml".as_ref()));
    assert_eq!(file.bytes, MANIFEST.as_bytes());
    assert!(!holds_yaml(&fixture.path("cache")), "something was checked out");
}

fn holds_yaml(dir: &Path) -> bool {
    fs::read_dir(dir).expect("dir").flatten().map(|entry| entry.path()).any(|path| {
        if path.is_dir() { holds_yaml(&path) } else { path.to_string_lossy().ends_with("yaml") }
    })
}

#[test]
fn the_same_files_are_manifests_as_in_a_directory() {
    let fixture = Fixture::empty();
    for name in [
        "b.yml",
        "a.yaml",
        "c.json",
        ".hidden.yaml",
        "a.yaml~",
        "#a.yaml#",
        "a.yaml.tmp",
        ".yaml",
        "notes.txt",
        "x/d.yaml",
        "x/y/e.yaml",
        "x/.git-like/f.yaml",
        "X.YAML",
        "x.yaml/g.yaml",
        "grün.yaml",
        "a b.yaml",
    ] {
        fixture.put(name, MANIFEST);
    }
    fixture.link("a.yaml", "linked.yaml");
    fixture.link("x", "dir.yaml");
    fixture.push("all kinds of names");
    std::thread::sleep(ReadOptions::default().quiet);
    for recursive in [false, true] {
        let config = GitConfig { recursive, ..fixture.config() };
        let from_git = fixture.fetch(&config).expect("a snapshot");
        let options = ReadOptions { recursive, ..ReadOptions::default() };
        let work = fixture.path("work").canonicalize().expect("path");
        let from_dir = read(&[Input::Path(work.clone())], &options).expect("read").remove(0);
        let below = |snapshot: &Snapshot| -> Vec<(String, Vec<u8>)> {
            let strip = |path: &Path| path.strip_prefix(&work).unwrap_or(path).to_owned();
            let files = snapshot.files.iter();
            files
                .map(|file| (strip(&file.origin).display().to_string(), file.bytes.clone()))
                .collect()
        };
        assert_eq!(below(&from_git), below(&from_dir), "recursive: {recursive}");
        assert!(from_git.files.len() > 5);
    }
}

#[test]
fn a_subdirectory_is_the_root() {
    let fixture = Fixture::new();
    fixture.put("hosts/a/db.yaml", MANIFEST);
    fixture.put("hosts/file", "x");
    fixture.link("a", "hosts/link");
    let commit = fixture.push("below");
    let snapshot = fixture.fetch(&fixture.below("hosts/a/")).expect("a snapshot");
    assert_eq!(names(&snapshot), ["hosts/a/db.yaml"]);
    let path = snapshot.files[0].path.to_string_lossy().into_owned();
    assert!(path.ends_with(&format!("@{}:hosts/a/db.yaml", &commit[..7])), "{path}");

    for missing in ["hosts/b", "hosts/file", "hosts/link", "hosts/a/db.yaml"] {
        let error = fixture.fetch(&fixture.below(missing)).expect_err("no directory");
        assert!(matches!(error, GitError::NoSuchDirectory { .. }), "{missing}: {error:?}");
        assert!(!error.is_unreachable() && error.hint().is_some());
    }
    for wrong in ["../x", "/hosts", "hosts/../..", ""] {
        let opened = limekiln_sources::git::GitSource::open(
            "team",
            &fixture.below(wrong),
            &fixture.path("cache"),
            &GitOptions::default(),
        );
        assert!(matches!(opened, Err(GitError::Config { .. })), "{wrong}: {opened:?}");
    }
}

#[test]
fn links_of_a_repository_stay_below_its_root() {
    let fixture = Fixture::new();
    fixture.put("a/real.yaml", "kind: A");
    fixture.put("a/b/deep.yaml", "kind: B");
    fixture.link("real.yaml", "a/one.yaml");
    fixture.link("./b/../one.yaml", "a/two.yaml");
    fixture.link("b", "a/dir");
    fixture.link("dir/deep.yaml", "a/three.yaml");
    fixture.link("b", "a/whole.yaml");
    fixture.push("good links");
    let snapshot = fixture.fetch(&fixture.below("a")).expect("a snapshot");
    assert_eq!(names(&snapshot), ["a/one.yaml", "a/real.yaml", "a/three.yaml", "a/two.yaml"]);
    let held: Vec<_> = snapshot.files.iter().map(|file| &*file.bytes).collect();
    assert_eq!(held, [b"kind: A", b"kind: A", b"kind: B", b"kind: A"]);
    let [whole] = &*snapshot.skipped else { panic!("{:?}", snapshot.skipped) };
    assert_eq!(whole.origin, Path::new("a/whole.yaml"));
    let recursive = GitConfig { recursive: true, ..fixture.below("a") };
    let skipped = fixture.fetch(&recursive).expect("a snapshot").skipped;
    let skipped: Vec<_> = skipped.iter().map(|one| (one.origin.to_str(), one.kind)).collect();
    let expected = [("a/dir", SkippedKind::Link), ("a/whole.yaml", SkippedKind::LinkToDirectory)];
    assert_eq!(skipped, expected.map(|(origin, kind)| (Some(origin), kind)));

    for outside in ["../web.yaml", "/etc/passwd.yaml", "b/../../a/real.yaml", "../../../x"] {
        fixture.link(outside, "a/bad.yaml");
        fixture.push("a link out");
        let error = fixture.fetch(&fixture.below("a")).expect_err(outside);
        let escapes = GitError::Content(SourceError::Escapes { path: "".into(), root: "".into() });
        assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&escapes), "{error:?}");
        assert!(error.to_string().contains(":a/bad.yaml leads out of"), "{error}");
        fs::remove_file(fixture.path("work/a/bad.yaml")).expect("remove");
    }
    for nowhere in ["gone.yaml", "bad.yaml", "real.yaml/x", "b/gone"] {
        fixture.link(nowhere, "a/bad.yaml");
        fixture.push("a link to nothing");
        let error = fixture.fetch(&fixture.below("a")).expect_err(nowhere);
        assert!(matches!(error, GitError::Content(SourceError::Dangling { .. })), "{error:?}");
        fs::remove_file(fixture.path("work/a/bad.yaml")).expect("remove");
    }
}

#[test]
fn submodules_are_left_out_with_a_reason() {
    let fixture = Fixture::new();
    let commit = fixture.head();
    fixture.put(".gitmodules", "[submodule \"x\"]\npath = x.yaml\nurl = /etc\n");
    fixture.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},x.yaml")]);
    fixture.git(&["add", ".gitmodules"]);
    fixture.git(&["commit", "-q", "-m", "a submodule"]);
    fixture.git(&["push", "-q", "origin", "HEAD:main"]);
    let snapshot = fixture.fetch(&fixture.config()).expect("a snapshot");
    assert_eq!(names(&snapshot), ["web.yaml"]);
    let [skipped] = &*snapshot.skipped else { panic!("{:?}", snapshot.skipped) };
    assert!(
        skipped.path.ends_with("x.yaml") || skipped.path.to_string_lossy().ends_with(":x.yaml")
    );
    assert_eq!((skipped.kind, skipped.kind.is_told()), (SkippedKind::Submodule, true));
    assert_eq!(skipped.origin, Path::new("x.yaml"));
}

#[test]
fn ten_thousand_files_are_read_and_one_more_is_too_much() {
    let fixture = Fixture::new();
    let stream = (0..9_999).fold(String::new(), |stream, number| {
        let text = format!("{MANIFEST}# {number}\n");
        stream + &format!("M 100644 inline many/{number}.yaml\ndata {}\n{text}\n", text.len())
    });
    let head = "commit refs/heads/many\ncommitter A <a@b> 0 +0000\ndata 4\nmany\n";
    import(&fixture, &format!("{head}{stream}"));
    let commit = fixture.git(&["rev-parse", "many"]);
    fixture.git(&["push", "-q", "--force", "origin", "many:main"]);
    let config = GitConfig { recursive: true, ..fixture.below("many") };
    fixture.fetch(&config).expect("a snapshot");
    let begun = Instant::now();
    let snapshot = fixture.source(&config).last_good(&commit).expect("a snapshot");
    println!("9,999 files were read from the cache in {:?}", begun.elapsed());
    assert_eq!(snapshot.files.len(), 9_999);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    let bounded = |read: ReadOptions| {
        let options = GitOptions { read, ..GitOptions::default() };
        fixture.source_with(&config, &options).last_good(&commit).expect_err("too much")
    };
    let error = bounded(ReadOptions { max_files: 9_998, ..ReadOptions::default() });
    let files = matches!(error, GitError::Content(SourceError::TooMuch { what: "files", .. }));
    assert!(files, "{error:?}");
    let error = bounded(ReadOptions { max_total: 100_000, ..ReadOptions::default() });
    let bytes = matches!(error, GitError::Content(SourceError::TooMuch { what: "bytes", .. }));
    assert!(bytes, "{error:?}");
    let error = bounded(ReadOptions { max_file: 60, ..ReadOptions::default() });
    assert!(matches!(error, GitError::Content(SourceError::TooLarge { max: 60, .. })), "{error:?}");
}

fn import(fixture: &Fixture, stream: &str) {
    let path = fixture.path("stream");
    fs::write(&path, stream).expect("write");
    let status = crate::fixture::command(&fixture.path("work"))
        .args(["fast-import", "--quiet", "--date-format=raw"])
        .stdin(fs::File::open(path).expect("open"))
        .status();
    assert!(status.expect("git").success());
}

#[test]
fn a_tree_that_unfolds_without_end_is_refused_quickly() {
    let fixture = Fixture::new();
    let blob = fixture.object("blob", b"kind: Disk");
    let mut tree = fixture.object("tree", &tree(&[("100644", "a.txt", &blob)]));
    for _ in 0..20 {
        let entries: Vec<_> =
            ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| ("40000", name, &*tree)).to_vec();
        tree = fixture.object("tree", &self::tree(&entries));
    }
    fixture.push_tree(&tree);
    let config = GitConfig { recursive: true, ..fixture.config() };
    let begun = Instant::now();
    let error = fixture.fetch(&config).expect_err("a bomb");
    assert!(
        matches!(error, GitError::Content(SourceError::TooMuch { what: "entries", .. })),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// The bytes of a tree object.
fn tree(entries: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend(format!("{mode} {name}\0").into_bytes());
        let digits = id.as_bytes().chunks(2);
        bytes.extend(digits.map(|two| {
            u8::from_str_radix(std::str::from_utf8(two).expect("hex"), 16).expect("hex")
        }));
    }
    bytes
}

#[test]
fn objects_that_git_would_never_make_are_refused() {
    let fixture = Fixture::new();
    let blob = fixture.object("blob", b"kind: Disk");
    let inner = fixture.object("tree", &tree(&[("100644", "a.yaml", &blob)]));
    for (mode, name, id) in
        [("40000", "..", &inner), ("40000", ".git", &inner), ("100644", "a/b.yaml", &blob)]
    {
        let bad = fixture.object("tree", &tree(&[(mode, name, id)]));
        fixture.push_tree(&bad);
        let error = fixture.fetch(&fixture.config()).expect_err(name);
        assert!(matches!(error, GitError::Malformed { .. }), "{name}: {error:?}");
        assert!(!error.is_unreachable());
    }
    let good = fixture.push("all is well again");
    assert_eq!(fixture.fetch(&fixture.config()).expect("a snapshot").revision, good);
}

#[test]
fn a_compressed_bomb_is_not_unpacked() {
    let fixture = Fixture::new();
    let config = fixture.config();
    fs::write(fixture.path("work/big.yaml"), vec![b'a'; 300 << 20]).expect("write");
    fixture.push("300 MiB of one letter");
    let error = fixture.fetch(&config).expect_err("too large");
    assert!(matches!(error, GitError::Content(SourceError::TooLarge { .. })), "{error:?}");
    let size: u64 = fs::read_dir(fixture.cached().join("objects/pack"))
        .expect("packs")
        .flatten()
        .map(|entry| entry.metadata().expect("metadata").len())
        .sum();
    assert!(size < 2 << 20, "{size}");
}

#[test]
fn names_that_no_directory_could_hold_are_refused() {
    let fixture = Fixture::new();
    let blob = fixture.object("blob", b"kind: Disk");
    let name = format!("{}.yaml", "x".repeat(300));
    fixture.push_tree(&fixture.object("tree", &tree(&[("100644", &name, &blob)])));
    let error = fixture.fetch(&fixture.config()).expect_err("a long name");
    assert!(error.to_string().contains("255 bytes in a name"), "{error}");

    let mut deep = fixture.object("tree", &tree(&[("100644", "a.yaml", &blob)]));
    for _ in 0..30 {
        deep = fixture.object("tree", &tree(&[("40000", &"x".repeat(200), &deep)]));
    }
    fixture.push_tree(&deep);
    let config = GitConfig { recursive: true, ..fixture.config() };
    let error = fixture.fetch(&config).expect_err("a long path");
    assert!(error.to_string().contains("4096 bytes in a path"), "{error}");
}

#[test]
fn links_that_lead_to_and_fro_end_in_bounded_time() {
    let fixture = Fixture::new();
    let blob = fixture.object("blob", b"kind: Disk");
    let inner = fixture.object("tree", &tree(&[("100644", "a.yaml", &blob)]));
    let chain = fixture.object("blob", "d/../".repeat(800).as_bytes());
    let names: Vec<String> = (0..9_000).map(|number| format!("{number:04}.yaml")).collect();
    let long = fixture.object("blob", format!("{}d/a.yaml", "l/".repeat(39)).as_bytes());
    let mut entries: Vec<(&str, &str, &str)> =
        names.iter().map(|name| ("120000", &**name, &*long)).collect();
    entries.extend([("40000", "d", &*inner), ("120000", "l", &*chain)]);
    fixture.push_tree(&fixture.object("tree", &tree(&entries)));
    let begun = Instant::now();
    let error = fixture.fetch(&fixture.config()).expect_err("too far");
    assert!(
        matches!(error, GitError::Content(SourceError::TooMuch { what: "steps of links", .. })),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}
