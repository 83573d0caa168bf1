//! Starts that fail say why and what to do. The host agents are small programs that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use limekiln_engine::{ActionContext, Engine, EngineError, ErrorClass};
use limekiln_engine_native::{NativeConfig, NativeEngine, host_facts};
use limekiln_model::{Action, Name};

/// Starts an instance with this `lima.yaml`, whose host agent is a script.
async fn start(yaml: &str, agent: &str) -> Result<(), EngineError> {
    let dir = tempfile::tempdir().expect("a directory");
    let exe = dir.path().join("agent");
    fs::write(&exe, format!("#!/bin/sh\n{agent}\n")).expect("writable");
    fs::set_permissions(&exe, fs::Permissions::from_mode(0o755)).expect("ours");
    let home = dir.path().join("h");
    fs::create_dir_all(home.join("vm")).expect("writable");
    fs::write(home.join("vm/lima.yaml"), yaml).expect("writable");
    let engine = NativeEngine::new(NativeConfig {
        facts: host_facts(&home).expect("a home without files"),
        cache_dir: dir.path().join("cache"),
        usernet_exe: exe.clone(),
        agent_exe: exe,
    });
    let action = Action::StartDriver { instance: Name::new("vm").expect("a name") };
    engine.perform(&action, &ActionContext::silent()).await
}

/// What a host agent logs, as Lima's tools read it.
fn says(message: &str) -> String {
    format!("echo '{{\"level\":\"error\",\"msg\":\"{message}\"}}' >&2; exit 1")
}

#[tokio::test]
async fn known_causes_come_with_what_mends_them() {
    for (message, hint) in [
        ("cannot write x: No space left on device", "free some space"),
        (
            "port 22022 on 127.0.0.1, which ssh.localPort asks for, is taken",
            "another ssh.localPort",
        ),
        ("cannot lock x: the disk is used by /lima/db", "stop that instance"),
        ("the VM could not be started: cannot start qemu-system-x86_64: no such file", "doctor"),
        ("no UEFI firmware for x86_64 was found", "ovmf"),
    ] {
        let error = start("cpus: 1\n", &says(message)).await.expect_err(message);
        assert_eq!(error.class, ErrorClass::NeedsHuman, "{message}");
        assert!(error.message.contains(message), "{}", error.message);
        assert!(error.hint.as_ref().is_some_and(|said| said.contains(hint)), "{:?}", error.hint);
    }
}

#[tokio::test]
async fn an_agent_that_dies_without_a_word_is_reported_with_its_end() {
    let error = start("cpus: 1\n", "kill -SEGV $$").await.expect_err("it died");
    assert!(error.message.contains("signal: 11"), "{}", error.message);
    assert!(error.hint.is_some_and(|hint| hint.contains("ha.stderr.log")));
    let error = start("cpus: 1\n", "echo 'loader: no libc' >&2; exit 127").await.expect_err("died");
    assert!(error.message.contains("loader: no libc"), "{}", error.message);
}

/// What limactl wrote may ask for more than this engine can do.
#[tokio::test]
async fn an_instance_is_not_started_without_what_it_asks_for() {
    let yaml = "ssh: {overVsock: true}\nos: FreeBSD\n";
    let error = start(yaml, "exit 0").await.expect_err("it is no Linux");
    assert_eq!(error.class, ErrorClass::NeedsHuman);
    assert!(error.message.contains("`os`") && error.message.contains("`ssh.overVsock`"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("limactl")));
}

/// The host may have changed since it was planned.
#[tokio::test]
async fn an_instance_is_not_started_without_what_the_host_lacks() {
    let yaml = "video: {display: curses}\n";
    let error = start(yaml, "exit 0").await.expect_err("no terminal");
    assert_eq!(error.class, ErrorClass::NeedsHuman);
    assert!(error.message.contains("`video.display`: QEMU has no terminal"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("vnc")));
}

/// Without a network, an archive on this host will do.
#[tokio::test]
async fn the_host_agent_gets_the_archive_of_containerd() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("n.tgz");
    fs::write(&file, "packed").expect("writable");
    let yaml = |name: &str, digest: &str| {
        let location = dir.path().join(name);
        let archive = format!("{{location: {}, digest: '{digest}'}}", location.display());
        format!("containerd: {{system: true, archives: [{archive}]}}\n")
    };
    // printf packed | sha256sum
    let digest = "sha256:88cb8a087b6e8cebfc9ae5602f5a2159a6bcf923e7f2c56809bcda6cad1727a7";
    let told = "echo \"got $*\" >&2; exit 1";
    let error = start(&yaml("n.tgz", digest), told).await.expect_err("it only tells");
    let words = format!("--nerdctl-archive {}", file.display());
    assert!(error.message.contains(&words), "{}", error.message);

    let other = format!("sha256:{}", "0".repeat(64));
    let error = start(&yaml("n.tgz", &other), told).await.expect_err("another digest");
    let begin = "containerd cannot be had: ";
    assert!(error.message.starts_with(begin) && error.message.contains(&other), "{error}");
    let error = start(&yaml("missing.tgz", digest), told).await.expect_err("no archive");
    assert!(error.message.starts_with(begin), "{}", error.message);
    assert!(error.hint.is_some_and(|hint| hint.contains("`containerd.archives`")));
}
