//! Remotes that are away, slow or hostile.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use limekiln_sources::git::{GitConfig, GitError, GitOptions, GitSource, Obstacle};

use crate::fixture::{Fixture, MANIFEST, git, noise};

#[test]
fn when_the_remote_is_gone_the_last_good_revision_is_kept() {
    let fixture = Fixture::new();
    let mut source = fixture.source(&fixture.config());
    let good = source.fetch(None, None).expect("a snapshot");
    fs::rename(fixture.path("vms.git"), fixture.path("away.git")).expect("rename");
    let error = source.fetch(Some(&good.revision), None).expect_err("gone");
    let not_found = matches!(error, GitError::Unreachable { obstacle: Obstacle::NotFound, .. });
    assert!(not_found && error.is_unreachable() && error.hint().is_some(), "{error:?}");
    // A controller that has just been started has only the cache.
    let mut fresh = fixture.source(&fixture.config());
    assert_eq!(fresh.last_good(&good.revision).expect("a snapshot"), good);
    fs::rename(fixture.path("away.git"), fixture.path("vms.git")).expect("rename");
    assert_eq!(source.fetch(Some(&good.revision), None).expect("a snapshot"), good);
}

#[test]
fn hosts_that_refuse_are_unreachable() {
    let fixture = Fixture::new();
    for (url, wanted) in [
        ("https://127.0.0.1:1/vms.git", Obstacle::Network),
        ("ssh://127.0.0.1:1/vms.git", Obstacle::Network),
    ] {
        let config = GitConfig { url: url.to_owned(), ..fixture.config() };
        let error = fixture.fetch(&config).expect_err(url);
        let GitError::Unreachable { obstacle, detail, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*obstacle, wanted, "{detail}");
    }
}

#[test]
fn a_slow_remote_is_given_up_and_the_last_good_revision_is_kept() {
    let fixture = Fixture::new();
    let (slow, mark) = (fixture.path("slow"), fixture.path("went-on"));
    let script = format!(
        "if test -e {}; then sleep 8; touch {}; fi\nshift; exec sh -c \"$1\"\n",
        slow.display(),
        mark.display()
    );
    let (config, options) = fixture.by_ssh(&script);
    let mut source = fixture.source_with(&config, &options);
    let good = source.fetch(None, None).expect("a snapshot");
    fs::write(&slow, "").expect("write");
    let begun = Instant::now();
    let impatient = GitOptions { timeout: Duration::from_secs(2), ..options };
    let mut impatient = fixture.source_with(&config, &impatient);
    let error = impatient.fetch(Some(&good.revision), None).expect_err("slow");
    assert!(matches!(error, GitError::TooSlow { seconds: 2, .. }), "{error:?}");
    assert!(error.is_unreachable());
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
    fs::remove_file(&slow).expect("remove");
    assert_eq!(source.fetch(Some(&good.revision), None).expect("a snapshot"), good);
    std::thread::sleep(Duration::from_secs(9).saturating_sub(begun.elapsed()));
    assert!(!mark.exists(), "what git had started went on");
}

#[test]
fn a_fetch_can_be_stopped() {
    let fixture = Fixture::new();
    let (config, options) = fixture.by_ssh("exec sleep 60\n");
    let mut source = fixture.source_with(&config, &options);
    let stopper = source.stopper();
    let begun = Instant::now();
    let fetching = std::thread::spawn(move || source.fetch(None, None));
    std::thread::sleep(Duration::from_millis(300));
    stopper.stop();
    let error = fetching.join().expect("thread").expect_err("stopped");
    assert!(matches!(error, GitError::Stopped { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn more_bytes_than_may_be_are_not_kept() {
    // One comes in a moment, the other takes a while, in which git is killed.
    for size in [100 << 10, 8 << 20] {
        let fixture = Fixture::new();
        let good = fixture.fetch(&fixture.config()).expect("a snapshot");
        fs::write(fixture.path("work/noise"), noise(size)).expect("write");
        let large = fixture.push("noise");
        let options = GitOptions { max_fetch: size as u64 / 4, ..GitOptions::default() };
        let mut source = fixture.source_with(&fixture.config(), &options);
        // The second time, too: what came the first time must not count as there.
        for _ in 0..2 {
            let error = source.fetch(Some(&good.revision), None).expect_err("too large");
            assert!(matches!(error, GitError::TooLarge { .. }), "{error:?}");
            assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
        }
        let enough = fixture.source(&fixture.config()).fetch(Some(&good.revision), None);
        assert_eq!(enough.expect("a snapshot").revision, large);
    }
}

#[test]
fn a_remote_that_lacks_objects_does_not_pass_for_a_damaged_cache() {
    let fixture = Fixture::new();
    let good = fixture.fetch(&fixture.config()).expect("a snapshot");
    fixture.put("lost.yaml", "kind: Lost");
    fixture.push("something gets lost");
    let blob = fixture.git(&["rev-parse", "HEAD:lost.yaml"]);
    let object = format!("vms.git/objects/{}/{}", &blob[..2], &blob[2..]);
    fs::remove_file(fixture.path(&object)).expect("a loose object");
    let mut source = fixture.source(&fixture.config());
    let error = source.fetch(Some(&good.revision), None).expect_err("an object is missing");
    let told = matches!(error, GitError::Unreachable { .. } | GitError::Malformed { .. });
    assert!(told, "{error:?}");
    assert_eq!(source.last_good(&good.revision).expect("a snapshot"), good);
}

#[test]
fn nothing_of_a_repository_runs() {
    let fixture = Fixture::new();
    let first = fixture.fetch(&fixture.config()).expect("a snapshot").revision;
    let mark = fixture.path("ran");
    let touch = fixture.script("touch-mark", &format!("touch {}\ncat\n", mark.display()));
    // As if the cache had hooks, too: those would run with every fetch.
    for dir in [fixture.path("vms.git"), fixture.cached()] {
        for key in ["core.fsmonitor", "uploadpack.packObjectsHook", "core.pager"] {
            git(&dir, &["config", key, &touch]);
        }
        fs::create_dir_all(dir.join("hooks")).expect("dir");
        for hook in ["post-checkout", "reference-transaction", "pre-auto-gc", "post-rewrite"] {
            fs::copy(&touch, dir.join("hooks").join(hook)).expect("hook");
        }
    }
    fixture.put(".gitattributes", "*.yaml filter=evil\n");
    fixture.put(".gitconfig", &format!("[filter \"evil\"]\nsmudge = {touch}\n"));
    let second = fixture.push("evil");
    let _ = fs::remove_file(&mark);
    let read = fixture.source(&fixture.config()).fetch(Some(&first), None).expect("a snapshot");
    assert_eq!(read.revision, second);
    assert!(!mark.exists(), "something ran");
}

#[test]
fn an_address_that_is_rewritten_to_a_command_is_refused() {
    let fixture = Fixture::new();
    let first = fixture.fetch(&fixture.config()).expect("a snapshot").revision;
    let mark = fixture.path("ran");
    let script = fixture.script("evil", &format!("touch {}\n", mark.display()));
    let evil = format!("url.ext::{script} %S .insteadOf");
    git(&fixture.cached(), &["config", &evil, &fixture.url()]);
    git(&fixture.cached(), &["config", "protocol.ext.allow", "always"]);
    let error = fixture.source(&fixture.config()).fetch(Some(&first), None).expect_err("ext");
    assert!(error.to_string().contains("'ext' not allowed"), "{error}");
    assert!(!mark.exists(), "something ran");
}

#[test]
fn git_and_ssh_are_told_to_ask_nobody() {
    let fixture = Fixture::new();
    let (config, _) = fixture.by_ssh("");
    let said = fixture.path("said");
    let text = format!(
        "echo \"$@\" > {said}; env >> {said}\nwhile [ \"$1\" != host ]; do shift; done\n\
         shift; exec sh -c \"$1\"\n",
        said = said.display()
    );
    fs::create_dir(fixture.path("bin")).expect("dir");
    let ssh = Some(fixture.script("bin/ssh", &text));
    let options = GitOptions { ssh, ..GitOptions::default() };
    fixture.source_with(&config, &options).fetch(None, None).expect("a snapshot");
    let said = fs::read_to_string(said).expect("read");
    for word in ["-oBatchMode=yes", "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:https:ssh"] {
        assert!(said.contains(word), "{word} is missing in {said}");
    }
}

#[test]
fn without_git_it_is_said_what_to_install() {
    let fixture = Fixture::new();
    let options = GitOptions { git: "/nowhere/git".into(), ..GitOptions::default() };
    let error = fixture.source_with(&fixture.config(), &options).fetch(None, None);
    let error = error.expect_err("no git");
    assert!(matches!(error, GitError::NoProgram { .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("apt install git")));
}

#[test]
fn two_sources_of_one_url_do_not_meet() {
    let fixture = Fixture::new();
    fixture.put("a/x.yaml", MANIFEST);
    fixture.put("b/y.yaml", MANIFEST);
    let head = fixture.push("two directories");
    let threads = ["a", "b", "c"].map(|name| {
        let directory = if name == "c" { "a" } else { name };
        let (config, cache, head) = (fixture.below(directory), fixture.path("cache"), head.clone());
        std::thread::spawn(move || {
            let mut source = GitSource::open(name, &config, &cache, &GitOptions::default())?;
            for _ in 0..5 {
                assert_eq!(source.fetch(Some(&head), None)?.revision, head);
            }
            Ok::<_, GitError>(())
        })
    });
    for thread in threads {
        thread.join().expect("thread").expect("each by itself");
    }
    fs::remove_dir_all(fixture.path("cache/a")).expect("remove");
    let other =
        GitSource::open("b", &fixture.below("b"), &fixture.path("cache"), &GitOptions::default());
    assert_eq!(other.expect("a source").last_good(&head).expect("a snapshot").files.len(), 1);
}

#[test]
fn a_name_cannot_lead_out_of_the_cache() {
    let fixture = Fixture::new();
    let long = "x".repeat(64);
    for name in ["", ".", "..", "a/b", "../x", ".hidden", "a\n", &long] {
        let opened =
            GitSource::open(name, &fixture.config(), Path::new("/"), &GitOptions::default());
        assert!(matches!(opened, Err(GitError::Config { .. })), "{name:?}: {opened:?}");
    }
}

#[test]
fn a_source_that_is_pointed_elsewhere_keeps_nothing_of_the_old_place() {
    let fixture = Fixture::new();
    let first = fixture.fetch(&fixture.config()).expect("a snapshot");
    let config = GitConfig { url: format!("file://{}", fixture.url()), ..fixture.config() };
    let moved = fixture.source(&config).fetch(Some(&first.revision), None).expect("a snapshot");
    assert_eq!(moved.revision, first.revision);
    assert!(fixture.cached().is_dir(), "there is one repository");
}
