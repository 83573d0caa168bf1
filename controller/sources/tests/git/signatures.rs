//! Whose commits are acted on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use limekiln_sources::git::{GitConfig, GitError, GitOptions, GitSource, SignatureFault, Verify};

use crate::fixture::Fixture;
use crate::keys::{GpgKey, SshKey};

fn by_ssh(fixture: &Fixture, lines: &[String]) -> GitConfig {
    let file = fixture.path("allowed_signers");
    fs::write(&file, lines.concat()).expect("write");
    verified(fixture, Verify { allowed_signers: Some(file), keyring: None })
}

fn by_gpg(fixture: &Fixture, keyring: PathBuf) -> GitConfig {
    verified(fixture, Verify { allowed_signers: None, keyring: Some(keyring) })
}

fn verified(fixture: &Fixture, verify: Verify) -> GitConfig {
    GitConfig { verify: Some(verify), ..fixture.config() }
}

/// The commit that is not trusted, and why.
fn distrust(
    fixture: &Fixture,
    config: &GitConfig,
    trusted: Option<&str>,
) -> (String, SignatureFault) {
    match fixture.source(config).fetch(trusted, None) {
        Err(GitError::Untrusted { commit, fault, .. }) => (commit, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn commits_signed_with_an_allowed_ssh_key_are_read() {
    let fixture = Fixture::new();
    let (ann, eve) = (SshKey::new(&fixture, "ann"), SshKey::new(&fixture, "eve"));
    let config = by_ssh(&fixture, &[ann.allowed("")]);
    let first = ann.push(&fixture, "signed");
    let mut source = fixture.source(&config);
    assert_eq!(source.fetch(None, None).expect("a snapshot").revision, first);
    let second = ann.push(&fixture, "signed as well");
    assert_eq!(source.fetch(Some(&first), None).expect("a snapshot").revision, second);

    let foreign = eve.push(&fixture, "by somebody else");
    let found = distrust(&fixture, &config, Some(&second));
    assert_eq!(found, (foreign.clone(), SignatureFault::UnknownKey));
    ann.push(&fixture, "on top of it");
    assert_eq!(distrust(&fixture, &config, Some(&second)).0, foreign);
    let both = by_ssh(&fixture, &[ann.allowed(""), eve.allowed("namespaces=\"git\"")]);
    fixture.source(&both).fetch(Some(&second), None).expect("both are allowed now");
}

#[test]
fn an_unsigned_commit_in_between_is_found_and_named() {
    let fixture = Fixture::new();
    let ann = SshKey::new(&fixture, "ann");
    let config = by_ssh(&fixture, &[ann.allowed("")]);
    assert_eq!(distrust(&fixture, &config, None), (fixture.head(), SignatureFault::Unsigned));
    let first = ann.push(&fixture, "signed");
    let unsigned = fixture.push("not signed");
    ann.push(&fixture, "signed again");
    let found = distrust(&fixture, &config, Some(&first));
    assert_eq!(found, (unsigned.clone(), SignatureFault::Unsigned));
    // An acknowledgement excuses a rewind, and no signature.
    let error = fixture.source(&config).fetch(Some(&first), Some(&fixture.head()));
    assert!(matches!(error, Err(GitError::Untrusted { .. })), "{error:?}");
    // What was trusted before the tip came is not looked at again.
    fixture.source(&config).fetch(Some(&unsigned), None).expect("only what came since counts");
}

#[test]
fn an_unsigned_commit_on_a_merged_side_branch_is_found() {
    let fixture = Fixture::new();
    let ann = SshKey::new(&fixture, "ann");
    let config = by_ssh(&fixture, &[ann.allowed("")]);
    let first = ann.push(&fixture, "signed");
    fixture.git(&["checkout", "-q", "-b", "side"]);
    fixture.git(&["commit", "-q", "--allow-empty", "-m", "not signed"]);
    let unsigned = fixture.head();
    fixture.git(&["checkout", "-q", "main"]);
    ann.push(&fixture, "main goes on");
    fixture.git(&["merge", "-q", "--no-ff", "-S", "-m", "merged", "side"]);
    ann.push(&fixture, "after");
    assert_eq!(distrust(&fixture, &config, Some(&first)).0, unsigned);
}

#[test]
fn a_signature_of_other_contents_is_no_signature() {
    let fixture = Fixture::new();
    let ann = SshKey::new(&fixture, "ann");
    let config = by_ssh(&fixture, &[ann.allowed("")]);
    ann.push(&fixture, "signed");
    let signed = fixture.git(&["cat-file", "commit", "HEAD"]);
    let forged = fixture.object("commit", format!("{signed} by the chief\n").as_bytes());
    fixture.git(&["push", "-q", "--force", "origin", &format!("{forged}:refs/heads/main")]);
    assert_eq!(distrust(&fixture, &config, None).0, forged);
}

#[test]
fn a_second_signature_makes_a_commit_untrusted() {
    let fixture = Fixture::new();
    let ann = SshKey::new(&fixture, "ann");
    let config = by_ssh(&fixture, &[ann.allowed("")]);
    ann.push(&fixture, "signed");
    let signed = format!("{}\n", fixture.git(&["cat-file", "commit", "HEAD"]));
    let start = signed.find("gpgsig ").expect("a signature");
    let end = signed.find("\n\n").expect("an end") + 1;
    let doubled = format!("{}{}{}", &signed[..end], &signed[start..end], &signed[end..]);
    let doubled = fixture.object("commit", doubled.as_bytes());
    fixture.git(&["push", "-q", "--force", "origin", &format!("{doubled}:refs/heads/main")]);
    match fixture.source(&config).fetch(None, None) {
        Err(GitError::Untrusted { .. } | GitError::Malformed { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_ssh_key_counts_only_while_it_is_valid() {
    let fixture = Fixture::new();
    let ann = SshKey::new(&fixture, "ann");
    ann.push(&fixture, "signed");
    let past = by_ssh(&fixture, &[ann.allowed("valid-before=\"20200101\"")]);
    distrust(&fixture, &past, None);
    let other_use = by_ssh(&fixture, &[ann.allowed("namespaces=\"file\"")]);
    distrust(&fixture, &other_use, None);
    let now = by_ssh(&fixture, &[ann.allowed("valid-after=\"20200101\"")]);
    fixture.source(&now).fetch(None, None).expect("a snapshot");
}

#[test]
fn keys_that_change_are_used_at_the_next_fetch() {
    let fixture = Fixture::new();
    let (ann, eve) = (SshKey::new(&fixture, "ann"), SshKey::new(&fixture, "eve"));
    let config = by_ssh(&fixture, &[ann.allowed("")]);
    let head = ann.push(&fixture, "signed");
    let mut source = fixture.source(&config);
    source.fetch(None, None).expect("a snapshot");
    source.fetch(Some(&head), None).expect("a snapshot");
    by_ssh(&fixture, &[eve.allowed("namespaces=\"git\"")]);
    let error = source.fetch(Some(&head), None).expect_err("the key was taken away");
    assert!(matches!(error, GitError::Untrusted { .. }), "{error:?}");
}

/// Neither a controller that runs nor one that begins acts on it.
#[test]
fn what_is_in_force_stands_by_the_keys_of_now() {
    let fixture = Fixture::new();
    let (ann, eve) = (SshKey::new(&fixture, "ann"), SshKey::new(&fixture, "eve"));
    let config = by_ssh(&fixture, &[ann.allowed(""), eve.allowed("")]);
    let head = eve.push(&fixture, "signed by eve");
    let mut source = fixture.source(&config);
    let good = source.fetch(None, None).expect("a snapshot");
    source.stands(&head).expect("it was just read");
    by_ssh(&fixture, &[ann.allowed("namespaces=\"git\"")]);
    for mut source in [source, fixture.source(&config)] {
        for error in [source.stands(&head), source.last_good(&head).map(drop)] {
            let error = error.expect_err("eve's key was taken away");
            assert!(matches!(error, GitError::Untrusted { .. }), "{error:?}");
        }
    }
    // With the key back it stands, whether the remote is there or not.
    by_ssh(&fixture, &[ann.allowed(""), eve.allowed("")]);
    fs::rename(fixture.path("vms.git"), fixture.path("away")).expect("rename");
    assert_eq!(fixture.source(&config).last_good(&head).expect("a snapshot"), good);
    fs::rename(fixture.path("away"), fixture.path("vms.git")).expect("rename");
    // So does what others put on top of it.
    by_ssh(&fixture, &[ann.allowed("namespaces=\"git\"")]);
    let mut source = fixture.source(&config);
    let next = ann.push(&fixture, "signed by ann");
    assert_eq!(source.fetch(Some(&head), None).expect("a snapshot").revision, next);
    source.stands(&next).expect("it was just read");
    // A rewind to before it needs what every rewind needs.
    fixture.git(&["reset", "-q", "--hard", "HEAD~2"]);
    let instead = ann.push(&fixture, "instead");
    let error = source.fetch(Some(&head), None).expect_err("a rewind");
    assert!(matches!(error, GitError::Rewound { .. }), "{error:?}");
    source.fetch(Some(&head), Some(&instead)).expect("acknowledged");
}

#[test]
fn commits_signed_with_a_key_of_the_keyring_are_read() {
    let fixture = Fixture::new();
    let Some(ann) = GpgKey::new(&fixture, "ann") else { return };
    let Some(eve) = GpgKey::new(&fixture, "eve") else { return };
    let first = ann.push(&fixture, "signed");
    for armored in [false, true] {
        let config = by_gpg(&fixture, ann.export(&fixture, armored));
        let read = fixture.source(&config).fetch(None, None).expect("a snapshot");
        assert_eq!(read.revision, first);
    }
    let config = by_gpg(&fixture, ann.export(&fixture, true));
    let foreign = eve.push(&fixture, "by somebody else");
    let found = distrust(&fixture, &config, Some(&first));
    assert_eq!(found, (foreign, SignatureFault::UnknownKey));
    let unsigned = fixture.push("not signed");
    assert_eq!(distrust(&fixture, &config, None), (unsigned, SignatureFault::Unsigned));

    ann.push(&fixture, "signed again");
    let signed = fixture.git(&["cat-file", "commit", "HEAD"]);
    let forged = fixture.object("commit", format!("{signed} by the chief\n").as_bytes());
    fixture.git(&["push", "-q", "--force", "origin", &format!("{forged}:refs/heads/main")]);
    assert_eq!(distrust(&fixture, &config, None), (forged, SignatureFault::Mismatch));
}

#[test]
fn an_expired_openpgp_key_is_not_trusted() {
    let fixture = Fixture::new();
    let Some(ann) = GpgKey::expired(&fixture, "ann") else { return };
    let commit = ann.push(&fixture, "signed");
    let config = by_gpg(&fixture, ann.export(&fixture, true));
    assert_eq!(distrust(&fixture, &config, None), (commit, SignatureFault::Expired));
}

/// Nobody touches its file for that.
#[test]
fn an_openpgp_key_that_expires_is_noticed_by_who_read_a_commit_before() {
    let fixture = Fixture::new();
    let Some(ann) = GpgKey::expiring(&fixture, "ann") else { return };
    let commit = ann.push(&fixture, "signed");
    let config = by_gpg(&fixture, ann.export(&fixture, true));
    let (gpg, time) = (fixture.path("gpg"), fixture.path("time"));
    fs::write(&time, "").expect("write");
    let script = format!("#!/bin/sh\nexec gpg $(cat '{}') \"$@\"\n", time.display());
    fs::write(&gpg, script).expect("write");
    fs::set_permissions(&gpg, fs::Permissions::from_mode(0o700)).expect("mode");
    let source = |verify_again| {
        let options = GitOptions { gpg: gpg.clone(), verify_again, ..GitOptions::default() };
        let mut source = fixture.source_with(&config, &options);
        source.fetch(None, None).expect("in time");
        source
    };
    let mut hourly = source(GitOptions::default().verify_again);
    let mut each_time = source(Duration::ZERO);
    fs::write(&time, "--faked-system-time=20990101T000000").expect("write");
    hourly.fetch(Some(&commit), None).expect("it is not checked at each fetch");
    for error in [each_time.fetch(Some(&commit), None).map(drop), each_time.stands(&commit)] {
        match error {
            Err(GitError::Untrusted { fault, .. }) => assert_eq!(fault, SignatureFault::Expired),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_signature_of_a_kind_without_keys_is_not_trusted() {
    let fixture = Fixture::new();
    let ssh = SshKey::new(&fixture, "ssh-ann");
    let Some(gpg) = GpgKey::new(&fixture, "ann") else { return };
    let keyring = gpg.export(&fixture, true);
    ssh.push(&fixture, "by SSH");
    let config = by_gpg(&fixture, keyring.clone());
    assert_eq!(distrust(&fixture, &config, None).1, SignatureFault::NoKeys("SSH"));
    let by_pgp = gpg.push(&fixture, "by OpenPGP");
    let config = by_ssh(&fixture, &[ssh.allowed("")]);
    assert_eq!(distrust(&fixture, &config, None).1, SignatureFault::NoKeys("OpenPGP"));
    let both =
        Verify { keyring: Some(keyring), allowed_signers: Some(fixture.path("allowed_signers")) };
    let read = fixture.source(&verified(&fixture, both)).fetch(None, None).expect("both");
    assert_eq!(read.revision, by_pgp);
}

#[test]
fn files_of_keys_that_cannot_be_used_are_refused_at_once() {
    let fixture = Fixture::new();
    let open = |verify: Verify| {
        let config = verified(&fixture, verify);
        let cache = fixture.path("cache");
        GitSource::open("team", &config, &cache, &GitOptions::default()).expect_err("refused")
    };
    let signers = |file: &Path| Verify { allowed_signers: Some(file.into()), keyring: None };
    let inside = fixture.path("vms.git/allowed_signers");
    fs::write(&inside, "").expect("write");
    for file in [Path::new("relative"), &fixture.path("gone"), &fixture.path("work"), &inside] {
        let error = open(signers(file));
        assert!(matches!(error, GitError::Keys { .. }), "{}: {error:?}", file.display());
    }
    assert!(matches!(open(Verify::default()), GitError::Config { .. }));
}

#[test]
fn a_keyring_without_keys_or_a_missing_gpg_is_told() {
    let fixture = Fixture::new();
    let Some(gpg) = GpgKey::new(&fixture, "ann") else { return };
    gpg.push(&fixture, "signed");
    let junk = fixture.path("junk");
    fs::write(&junk, "no keys").expect("write");
    let error = fixture.source(&by_gpg(&fixture, junk)).fetch(None, None).expect_err("junk");
    assert!(matches!(error, GitError::Keys { .. }), "{error:?}");
    let config = by_gpg(&fixture, gpg.export(&fixture, true));
    let options = GitOptions { gpg: "/nowhere/gpg".into(), ..GitOptions::default() };
    let error = fixture.source_with(&config, &options).fetch(None, None).expect_err("no gpg");
    assert!(matches!(error, GitError::NoProgram { .. }), "{error:?}");
    assert!(error.hint().is_some_and(|hint| hint.contains("apt install gnupg")));
}
