//! Forward only, unless somebody agrees.

use limekiln_sources::git::{GitConfig, GitError, GitReference};

use crate::fixture::{Fixture, MANIFEST, names};

#[test]
fn new_commits_are_read_and_the_old_ones_stay_readable() {
    let fixture = Fixture::new();
    let mut source = fixture.source(&fixture.config());
    let first = source.fetch(None, None).expect("a snapshot");
    let same = source.fetch(Some(&first.revision), None).expect("a snapshot");
    assert_eq!(same, first);
    fixture.put("db.yaml", MANIFEST);
    fixture.push("second");
    fixture.put("cache.yaml", MANIFEST);
    let third = fixture.push("third");
    let next = source.fetch(Some(&first.revision), None).expect("a snapshot");
    assert_eq!((&next.revision, next.files.len()), (&third, 3));
    assert_eq!(source.last_good(&first.revision).expect("a snapshot"), first);
}

#[test]
fn a_force_push_is_refused_until_its_commit_is_acknowledged() {
    let fixture = Fixture::new();
    let base = fixture.head();
    fixture.put("db.yaml", MANIFEST);
    let acted_on = fixture.push("acted on");
    let mut source = fixture.source(&fixture.config());
    let good = source.fetch(None, None).expect("a snapshot");
    assert_eq!(good.revision, acted_on);

    fixture.git(&["reset", "-q", "--hard", &base]);
    fixture.put("other.yaml", MANIFEST);
    let forced = fixture.push("forced");
    for acknowledged in [None, Some(&*base), Some(&*acted_on)] {
        let error = source.fetch(Some(&acted_on), acknowledged).expect_err("rewound");
        let GitError::Rewound { from, to, .. } = &error else { panic!("{error:?}") };
        assert_eq!((from, to), (&acted_on, &forced));
        assert!(!error.is_unreachable() && error.hint().is_some());
    }
    assert_eq!(source.last_good(&acted_on).expect("a snapshot"), good);
    let agreed = source.fetch(Some(&acted_on), Some(&forced)).expect("a snapshot");
    assert_eq!(names(&agreed), ["other.yaml", "web.yaml"]);

    // The acknowledgement was for that one: another rewind needs another.
    fixture.git(&["reset", "-q", "--hard", &base]);
    fixture.push("forced again");
    let again = source.fetch(Some(&forced), Some(&forced)).expect_err("rewound");
    assert!(matches!(again, GitError::Rewound { .. }), "{again:?}");
    assert_eq!(source.last_good(&acted_on).expect("a snapshot"), good);
}

#[test]
fn going_back_to_an_older_commit_is_a_rewind_too() {
    let fixture = Fixture::new();
    let old = fixture.head();
    let new = fixture.push("new");
    let mut source = fixture.source(&fixture.config());
    source.fetch(None, None).expect("a snapshot");
    fixture.git(&["push", "-q", "--force", "origin", &format!("{old}:main")]);
    let error = source.fetch(Some(&new), None).expect_err("rewound");
    assert!(matches!(&error, GitError::Rewound { from, to, .. } if *from == new && *to == old));
}

#[test]
fn unrelated_history_is_a_rewind_also_for_an_empty_cache() {
    let fixture = Fixture::new();
    let acted_on = fixture.head();
    let mut source = fixture.source(&fixture.config());
    source.fetch(None, None).expect("a snapshot");
    fixture.git(&["checkout", "-q", "--orphan", "fresh"]);
    let unrelated = fixture.push("unrelated");
    for clear in [false, true] {
        if clear {
            std::fs::remove_dir_all(fixture.path("cache")).expect("remove");
        }
        let error = source.fetch(Some(&acted_on), None).expect_err("rewound");
        assert!(matches!(error, GitError::Rewound { .. }), "{error:?}");
    }
    let agreed = source.fetch(Some(&acted_on), Some(&unrelated)).expect("a snapshot");
    assert_eq!(agreed.revision, unrelated);
    let lost = source.last_good(&acted_on).expect_err("it was in the cache that was removed");
    assert!(matches!(lost, GitError::UnknownCommit { .. }), "{lost:?}");
}

#[test]
fn a_merge_goes_forward() {
    let fixture = Fixture::new();
    let base = fixture.head();
    fixture.git(&["checkout", "-q", "-b", "side"]);
    fixture.put("side.yaml", MANIFEST);
    fixture.git(&["add", "-A"]);
    fixture.git(&["commit", "-q", "-m", "side"]);
    fixture.git(&["checkout", "-q", "main"]);
    fixture.put("main.yaml", MANIFEST);
    let main = fixture.push("main");
    fixture.git(&["merge", "-q", "--no-ff", "-m", "merged", "side"]);
    let merged = fixture.push("after");
    for trusted in [&base, &main] {
        let mut source = fixture.source(&fixture.config());
        assert_eq!(source.fetch(Some(trusted), None).expect("a snapshot").revision, merged);
    }
}

#[test]
fn a_commit_that_the_configuration_names_may_be_older() {
    let fixture = Fixture::new();
    let old = fixture.head();
    let new = fixture.push("new");
    fixture.source(&fixture.config()).fetch(None, None).expect("a snapshot");
    let config = GitConfig { reference: GitReference::Commit(old.clone()), ..fixture.config() };
    let mut pinned = fixture.source(&config);
    assert_eq!(pinned.fetch(Some(&new), None).expect("a snapshot").revision, old);
    // It can't change, so nobody is asked once it is here.
    std::fs::remove_dir_all(fixture.path("vms.git")).expect("remove");
    assert_eq!(fixture.source(&config).fetch(Some(&new), None).expect("a snapshot").revision, old);
}

#[test]
fn what_is_no_commit_id_is_no_trusted_commit() {
    let fixture = Fixture::new();
    let mut source = fixture.source(&fixture.config());
    for wrong in ["", "HEAD", "--all", "abc1234"] {
        let error = source.fetch(Some(wrong), None).expect_err(wrong);
        assert!(matches!(error, GitError::Config { .. }), "{error:?}");
        assert!(matches!(source.last_good(wrong), Err(GitError::Config { .. })));
    }
}

#[test]
fn months_of_fetches_leave_few_packs() {
    let fixture = Fixture::new();
    let first = fixture.head();
    let commits: Vec<String> = (0..54)
        .map(|number| {
            fixture.put("web.yaml", &format!("{MANIFEST}# {number}\n"));
            fixture.git(&["commit", "-q", "-a", "-m", "next"]);
            fixture.head()
        })
        .collect();
    fixture.git(&["push", "-q", "origin", "main"]);
    let read = |commit: &String| {
        let config =
            GitConfig { reference: GitReference::Commit(commit.clone()), ..fixture.config() };
        fixture.source(&config).fetch(None, None).expect("a snapshot");
    };
    // A commit that nothing leads to any more.
    fixture.git(&["checkout", "-q", "--orphan", "lost"]);
    let lost = fixture.push("lost");
    read(&lost);
    commits.iter().for_each(read);
    let packs = std::fs::read_dir(fixture.cached().join("objects/pack")).expect("packs").flatten();
    let packs = packs.filter(|entry| entry.path().extension().is_some_and(|end| end == "pack"));
    assert!(packs.count() <= 10);
    for commit in [&first, &lost, &commits[0], &commits[53]] {
        fixture.source(&fixture.config()).last_good(commit).expect("a snapshot");
    }
}
