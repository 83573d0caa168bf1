//! Branches, tags and commits, and what is there instead of them.

use std::process::Command;

use limekiln_sources::git::{GitConfig, GitError, GitReference};

use crate::fixture::{Fixture, MANIFEST, git};

fn following(fixture: &Fixture, reference: GitReference) -> GitConfig {
    GitConfig { reference, ..fixture.config() }
}

fn tag(name: &str) -> GitReference {
    GitReference::Tag(name.to_owned())
}

#[test]
fn tags_lead_to_their_commits() {
    let fixture = Fixture::new();
    let commit = fixture.head();
    fixture.git(&["tag", "light"]);
    fixture.git(&["tag", "-a", "-m", "one", "annotated"]);
    fixture.git(&["tag", "-a", "-m", "two", "nested", "annotated"]);
    fixture.git(&["tag", "blob", "HEAD:web.yaml"]);
    fixture.git(&["tag", "tree", "HEAD^{tree}"]);
    fixture.git(&["push", "-q", "origin", "--tags"]);
    fixture.push("later");
    for name in ["light", "annotated", "nested"] {
        let snapshot = fixture.fetch(&following(&fixture, tag(name))).expect(name);
        assert_eq!(snapshot.revision, commit, "{name}");
    }
    for name in ["blob", "tree"] {
        let error = fixture.fetch(&following(&fixture, tag(name))).expect_err(name);
        assert!(matches!(&error, GitError::NotACommit { kind, .. } if kind == name), "{error:?}");
    }
    fixture.git(&["tag", "-f", "light"]);
    fixture.git(&["push", "-q", "--force", "origin", "light"]);
    let mut moved = fixture.source(&following(&fixture, tag("light")));
    assert_eq!(moved.fetch(Some(&commit), None).expect("forward").revision, fixture.head());
}

#[test]
fn a_branch_and_a_tag_of_one_name_are_told_apart() {
    let fixture = Fixture::new();
    let old = fixture.head();
    fixture.git(&["push", "-q", "origin", "HEAD:refs/tags/main"]);
    let new = fixture.push("new");
    assert_eq!(fixture.fetch(&fixture.config()).expect("branch").revision, new);
    assert_eq!(fixture.fetch(&following(&fixture, tag("main"))).expect("tag").revision, old);
}

#[test]
fn a_missing_reference_is_an_error_that_names_what_is_there() {
    let fixture = Fixture::new();
    fixture.git(&["tag", "v1"]);
    fixture.git(&["push", "-q", "origin", "v1"]);
    for (reference, similar) in [
        (GitReference::Branch("mian".into()), Some("\"main\"")),
        (GitReference::Branch("v1".into()), Some("a tag of that name")),
        (tag("main"), Some("a branch of that name")),
        (tag("v2"), Some("\"v1\"")),
        (GitReference::Commit("0123456789".repeat(4)), None),
    ] {
        let error = fixture.fetch(&following(&fixture, reference)).expect_err("missing");
        let GitError::NoSuchReference { similar: found, .. } = &error else { panic!("{error:?}") };
        assert_eq!(found.as_deref(), similar);
        assert!(!error.is_unreachable() && error.hint().is_some());
    }
}

#[test]
fn a_branch_that_is_deleted_is_no_empty_branch() {
    let fixture = Fixture::new();
    let mut source = fixture.source(&fixture.config());
    let good = source.fetch(None, None).expect("a snapshot");
    fixture.git(&["push", "-q", "origin", "HEAD:other", ":main"]);
    let error = source.fetch(Some(&good.revision), None).expect_err("gone");
    assert!(matches!(error, GitError::NoSuchReference { .. }), "{error:?}");
    assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
}

#[test]
fn an_empty_repository_is_an_error_and_an_empty_commit_is_not() {
    let fixture = Fixture::empty();
    let error = fixture.fetch(&fixture.config()).expect_err("empty");
    assert!(matches!(error, GitError::Empty { .. }), "{error:?}");
    fixture.push("nothing in it");
    assert_eq!(fixture.fetch(&fixture.config()).expect("a snapshot").files, []);
}

#[test]
fn clones_that_lack_something_are_refused() {
    let fixture = Fixture::new();
    fixture.put("db.yaml", MANIFEST);
    fixture.push("second");
    let url = format!("file://{}", fixture.url());
    let top = fixture.path("");
    git(&fixture.path("vms.git"), &["config", "uploadpack.allowFilter", "true"]);
    git(&top, &["clone", "-q", "--depth=1", &url, "shallow"]);
    git(&top, &["clone", "-q", "--bare", "--depth=1", &url, "shallow.git"]);
    git(&top, &["clone", "-q", "--no-checkout", "--filter=blob:none", &url, "partial"]);
    git(&fixture.path("shallow"), &["worktree", "add", "-q", "../linked"]);
    for (name, is_shallow) in
        [("shallow", true), ("shallow.git", true), ("linked", true), ("partial", false)]
    {
        let path = fixture.path(name).to_string_lossy().into_owned();
        for url in [path.clone(), format!("file://{path}")] {
            let error = fixture.fetch(&GitConfig { url, ..fixture.config() }).expect_err(name);
            match is_shallow {
                true => assert!(matches!(error, GitError::Shallow { .. }), "{name}: {error:?}"),
                false => assert!(matches!(error, GitError::Partial { .. }), "{name}: {error:?}"),
            }
            assert!(!error.is_unreachable() && error.hint().is_some());
        }
    }
}

#[test]
fn a_remote_that_becomes_shallow_is_refused_also_from_afar() {
    let fixture = Fixture::new();
    let url = format!("file://{}", fixture.url());
    let top = fixture.path("");
    git(&top, &["clone", "-q", "--bare", &url, "far.git"]);
    let (config, options) = fixture.by_ssh("shift; exec sh -c \"$1\"\n");
    let far = fixture.path("far.git");
    let config = GitConfig { url: format!("host:{}", far.display()), ..config };
    let mut source = fixture.source_with(&config, &options);
    let good = source.fetch(None, None).expect("a snapshot");
    fixture.push("second");
    fixture.push("third");
    std::fs::remove_dir_all(&far).expect("remove");
    git(&top, &["clone", "-q", "--bare", "--depth=1", &url, "far.git"]);
    // Git says that it succeeded, and has brought nothing.
    let error = source.fetch(Some(&good.revision), None).expect_err("shallow");
    assert!(matches!(error, GitError::Shallow { .. }), "{error:?}");
}

#[test]
fn a_work_tree_and_a_linked_one_can_be_read_from() {
    let fixture = Fixture::new();
    fixture.git(&["worktree", "add", "-q", "-b", "other", "../linked"]);
    for name in ["work", "linked"] {
        let url = fixture.path(name).to_string_lossy().into_owned();
        let read = fixture.fetch(&GitConfig { url, ..fixture.config() }).expect(name);
        assert_eq!(read.revision, fixture.head());
    }
}

#[test]
fn a_repository_with_other_ids_is_refused_with_gits_words() {
    let fixture = Fixture::new();
    let made = Command::new("git")
        .args(["init", "-q", "--bare", "--object-format=sha256"])
        .arg(fixture.path("other.git"))
        .status();
    assert!(made.expect("git").success());
    let url = fixture.path("other.git").to_string_lossy().into_owned();
    let error = fixture.fetch(&GitConfig { url, ..fixture.config() }).expect_err("sha256");
    assert!(!matches!(error, GitError::Damaged { .. }), "{error:?}");
}
