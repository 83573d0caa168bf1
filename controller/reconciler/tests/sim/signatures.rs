//! Keys that are taken away while a commit signed by one of them is in force.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use limekiln_model::InstancePhase;
use limekiln_reconciler::{ControllerOptions, ControllerState};
use limekiln_sources::git::Verify;
use limekiln_sources::{SourceConfig, SourceKind};

use crate::controller::Running;
use crate::fixture::{Fixture, id, instance, prune};

/// As repositories may have it.
fn web(cpus: u32) -> String {
    let image = "{location: 'https://example.com/a.img'";
    let digest = "a".repeat(64);
    instance("web", cpus).replace(image, &format!("{image}, digest: 'sha256:{digest}'"))
}

/// A repository whose one commit is signed by `ann`.
fn signed(fixture: &Fixture) -> SourceConfig {
    let mut source = fixture.repository("team", "web.yaml", &web(1));
    for key in ["ann", "eve"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"])
            .arg(fixture.path(key))
            .status();
        assert!(made.expect("ssh-keygen").success());
    }
    commit(fixture, "ann", &["--amend", "--no-edit"]);
    if let SourceKind::Git(git) = &mut source.kind {
        let allowed_signers = Some(allow(fixture, &["ann"]));
        git.verify = Some(Verify { allowed_signers, keyring: None });
    }
    source
}

fn commit(fixture: &Fixture, key: &str, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.arg("-C").arg(fixture.path("team"));
    git.args(["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "gpg.format=ssh"]);
    git.arg("-c").arg(format!("user.signingKey={}", fixture.path(key).display()));
    git.args(["commit", "--quiet", "--all", "-S"]).args(arguments);
    assert!(git.status().expect("git").success());
}

/// Nobody else's signature counts from now on.
fn allow(fixture: &Fixture, keys: &[&str]) -> PathBuf {
    let line = |key: &&str| {
        let public = fs::read_to_string(fixture.path(&format!("{key}.pub"))).expect("a key");
        format!("{key}@example.com {public}")
    };
    let file = fixture.path("allowed_signers");
    fs::write(&file, keys.iter().map(line).collect::<String>()).expect("write");
    file
}

fn start(fixture: &Fixture, source: &SourceConfig) -> Running {
    let resync = Duration::from_millis(300);
    let options = ControllerOptions { policy: prune(), resync, ..ControllerOptions::default() };
    Running::over(fixture, Box::new(fixture.sources(vec![source.clone()])), options)
}

fn is_held(state: &ControllerState) -> bool {
    let frozen = |state: &ControllerState| {
        let planned = state.planned.as_ref()?;
        planned.desired.frozen.get(&id("instance/web")).map(|frozen| frozen.why.clone())
    };
    let told = state.source_errors.iter().any(|error| {
        error.contains("is not trusted: its key is not among the trusted ones")
            && error.contains("what came from git:team is left alone: take its key back in")
    });
    told && frozen(state) == Some("the commit of git:team in force is not trusted now".to_owned())
}

/// Its VM dies meanwhile, and is not started again.
async fn stays_dead(fixture: &Fixture, running: &Running) {
    fixture.engine.outside(|world| {
        world.observed.instance_mut("web").expect("there").phase = InstancePhase::Stopped;
    });
    for _ in 0..3 {
        running.looked().await;
    }
    assert_eq!(fixture.phase("web"), "Stopped");
}

async fn is_ready(fixture: &Fixture) {
    for _ in 0..600 {
        if fixture.phase("web") == "Ready" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is {}", fixture.phase("web"));
}

#[tokio::test]
async fn what_is_in_force_is_held_when_its_key_is_taken_away() {
    let mut fixture = Fixture::new();
    let source = signed(&fixture);
    let running = start(&fixture, &source);
    is_ready(&fixture).await;
    allow(&fixture, &["eve"]);
    running.until("held", is_held).await;
    assert_eq!(fixture.phase("web"), "Ready", "what runs goes on");
    stays_dead(&fixture, &running).await;
    running.end().await;

    fixture.restart();
    let running = start(&fixture, &source);
    running.until("held", is_held).await;
    stays_dead(&fixture, &running).await;
    allow(&fixture, &["eve", "ann"]);
    is_ready(&fixture).await;

    // Somebody who is trusted goes on from there.
    allow(&fixture, &["eve"]);
    running.until("held", is_held).await;
    fs::write(fixture.path("team/web.yaml"), web(2)).expect("write");
    commit(&fixture, "eve", &["--message", "two"]);
    running.until("read", |state| state.source_errors.is_empty() && !is_held(state)).await;
    running.settled().await;
    assert_eq!(fixture.cpus("web"), 2);
    running.end().await;
}
