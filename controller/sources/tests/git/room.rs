//! Whoever can push does not fill the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;

use limekiln_sources::git::{GitError, GitOptions};

use crate::fixture::{Fixture, MANIFEST, noise};

/// What each commit brings that can't be made smaller.
const NOISE: u64 = 200 << 10;

/// Commits that many bytes of noise of its own, and pushes.
fn push_noise(fixture: &Fixture, number: usize) -> String {
    let size = NOISE as usize;
    let noise = noise((number + 1) * size);
    fs::write(fixture.path("work/noise"), &noise[number * size..]).expect("write");
    fixture.push(&format!("noise {number}"))
}

/// The size of all packs in the cache.
fn size(fixture: &Fixture) -> u64 {
    let files = fs::read_dir(fixture.cached().join("objects/pack")).expect("packs").flatten();
    files.map(|file| file.metadata().expect("a file").len()).sum()
}

fn take_remote_away(fixture: &Fixture) {
    fs::rename(fixture.path("vms.git"), fixture.path("away.git")).expect("rename");
}

#[test]
fn what_is_refused_again_and_again_is_kept_once() {
    for rewind in [true, false] {
        let fixture = Fixture::new();
        let good = fixture.fetch(&fixture.config()).expect("a snapshot");
        let before = size(&fixture);
        for number in 0..6 {
            let branch = format!("next-{number}");
            if rewind {
                fixture.git(&["checkout", "-q", "--orphan", &branch]);
            } else {
                fixture.git(&["checkout", "-q", "-b", &branch, &good.revision]);
                fixture.link("/etc/passwd", "out.yaml");
            }
            push_noise(&fixture, number);
            // Each time a controller that was just begun, and once more.
            for _ in 0..2 {
                let mut source = fixture.source(&fixture.config());
                let error = source.fetch(Some(&good.revision), None).expect_err("refused");
                assert_eq!(matches!(error, GitError::Rewound { .. }), rewind, "{error:?}");
                assert!(size(&fixture) < before + NOISE * 3 / 2, "{number}: {}", size(&fixture));
            }
            assert!(size(&fixture) > before + NOISE, "what was refused last is there");
        }
        let mut source = fixture.source(&fixture.config());
        assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
        let back = format!("{}:refs/heads/main", good.revision);
        fixture.git(&["push", "-q", "--force", "origin", &back]);
        let read = fixture.source(&fixture.config()).fetch(Some(&good.revision), None);
        assert_eq!(read.expect("a snapshot"), good);
        assert_eq!(size(&fixture), before, "nobody asks for what was refused any more");
        take_remote_away(&fixture);
        assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
    }
}

#[test]
fn what_is_refused_is_sent_once_also_where_it_is_agreed_to() {
    let fixture = Fixture::new();
    let sent = fixture.path("sent");
    // Git asks first whether it has the options of OpenSSH.
    let script =
        format!("test \"$1\" != -G || exit 1\nshift; sh -c \"$1\" | tee -a {}\n", sent.display());
    let (config, options) = fixture.by_ssh(&script);
    let mut source = fixture.source_with(&config, &options);
    let good = source.fetch(None, None).expect("a snapshot");
    fixture.git(&["checkout", "-q", "--orphan", "fresh"]);
    let forced = push_noise(&fixture, 0);
    let length = || fs::metadata(&sent).expect("sent").len();
    for _ in 0..5 {
        let error = source.fetch(Some(&good.revision), None).expect_err("refused");
        assert!(matches!(error, GitError::Rewound { .. }), "{error:?}");
    }
    let agreed = source.fetch(Some(&good.revision), Some(&forced)).expect("a snapshot");
    assert_eq!(agreed.revision, forced);
    assert!((NOISE..NOISE * 3 / 2).contains(&length()), "{} bytes were sent", length());

    // It is no refused one any more, and what is refused next doesn't take it along.
    fixture.git(&["checkout", "-q", "--orphan", "another"]);
    push_noise(&fixture, 1);
    source.fetch(Some(&forced), None).expect_err("refused");
    fixture.git(&["checkout", "-q", "--orphan", "third"]);
    push_noise(&fixture, 2);
    source.fetch(Some(&forced), None).expect_err("refused");
    take_remote_away(&fixture);
    assert_eq!(source.last_good(&forced).expect("a snapshot"), agreed);
    assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
}

#[test]
fn a_list_that_was_torn_removes_nothing_else_and_stops_nobody() {
    let fixture = Fixture::new();
    let good = fixture.fetch(&fixture.config()).expect("a snapshot");
    let list = fixture.cached().join("refused");
    for (number, text) in
        ["\u{0}\u{1}", "pack-", "pack-/../../../HEAD\n../../HEAD\nHEAD", ""].into_iter().enumerate()
    {
        fs::write(&list, [text.as_bytes(), &[0xff]].concat()).expect("write");
        fixture.git(&["checkout", "-q", "--orphan", &format!("next-{number}")]);
        push_noise(&fixture, number);
        let mut source = fixture.source(&fixture.config());
        let error = source.fetch(Some(&good.revision), None).expect_err("refused");
        assert!(matches!(error, GitError::Rewound { .. }), "{text:?}: {error:?}");
        assert!(fixture.cached().join("HEAD").exists(), "{text:?}");
    }
    let mut source = fixture.source(&fixture.config());
    assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
}

#[test]
fn what_nothing_leads_to_any_more_makes_room() {
    let fixture = Fixture::new();
    let options = GitOptions { max_fetch: NOISE * 3 / 2, ..GitOptions::default() };
    let mut source = fixture.source_with(&fixture.config(), &options);
    let acted_on = source.fetch(None, None).expect("a snapshot");
    let mut agreed = None;
    for number in 0..10 {
        // Each is agreed to, and none is acted on: its manifests may be wrong.
        fixture.git(&["checkout", "-q", "--orphan", &format!("next-{number}")]);
        let next = push_noise(&fixture, number);
        let read = source.fetch(Some(&acted_on.revision), Some(&next)).expect("a snapshot");
        assert!(size(&fixture) < options.max_fetch * 3, "{number}: {}", size(&fixture));
        agreed = Some(read);
    }
    take_remote_away(&fixture);
    let agreed = agreed.expect("the last");
    let mut fresh = fixture.source(&fixture.config());
    assert_eq!(fresh.last_good(&acted_on.revision).expect("a snapshot"), acted_on);
    assert_eq!(fresh.last_good(&agreed.revision).expect("a snapshot"), agreed);
    let refs = fixture.cached().join("refs/limekiln");
    let names = fs::read_dir(refs).expect("refs").flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["new", "tip"], "no other name is left");
}

#[test]
fn a_history_that_is_larger_than_may_be_is_told_and_nothing_more_is_fetched() {
    let fixture = Fixture::new();
    let options = GitOptions { max_fetch: NOISE * 5 / 4, ..GitOptions::default() };
    let mut source = fixture.source_with(&fixture.config(), &options);
    let mut last = source.fetch(None, None).expect("a snapshot");
    let mut number = 0;
    let error = loop {
        assert!(number < 10, "there is no end");
        push_noise(&fixture, number);
        number += 1;
        match source.fetch(Some(&last.revision), None) {
            Ok(read) => last = read,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, GitError::Full { .. }) && error.hint().is_some(), "{error:?}");
    assert!(!error.is_unreachable());
    assert_eq!(number, 4, "three of them are more than twice what one fetch may bring");
    let packs = || {
        let files = fs::read_dir(fixture.cached().join("objects/pack")).expect("packs").flatten();
        let mut files: Vec<_> = files.map(|file| (file.path(), file.metadata().ok())).collect();
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        files.into_iter().map(|(path, it)| (path, it.map(|it| it.ino()))).collect::<Vec<_>>()
    };
    let before = packs();
    take_remote_away(&fixture);
    let error = source.fetch(Some(&last.revision), None).expect_err("full");
    assert!(matches!(error, GitError::Full { .. }), "nobody is asked: {error:?}");
    assert_eq!(packs(), before, "it was packed anew for nothing");
    assert_eq!(source.last_good(&last.revision).expect("a snapshot"), last);
    // With its history cut off it has room again, in a cache that is made anew.
    fs::rename(fixture.path("away.git"), fixture.path("vms.git")).expect("rename");
    fs::remove_dir_all(fixture.path("cache")).expect("remove");
    fixture.git(&["checkout", "-q", "--orphan", "shorter"]);
    fixture.put("web.yaml", MANIFEST);
    let shorter = fixture.push("shorter");
    let read = source.fetch(Some(&last.revision), Some(&shorter)).expect("a snapshot");
    assert_eq!(read.revision, shorter);
}
