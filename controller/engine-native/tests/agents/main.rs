//! Host agents that are silent or slow. They are real processes with real sockets.

mod home;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use limekiln_engine::{ActionContext, Engine};
use limekiln_model::{Action, InstancePhase, Name, Observed, Progress};
use tokio_util::sync::CancellationToken;

use home::{Home, serve, silent};

/// Answers that the guest is ready, after this time.
fn ready(stream: &UnixStream, after: Duration) {
    answer(stream, after, "");
}

/// Answers that the guest runs, after this time, and more.
fn answer(mut stream: &UnixStream, after: Duration, more: &str) {
    let _ = stream.read(&mut [0; 4096]);
    std::thread::sleep(after);
    let body = format!(
        r#"{{"phase":"running","sshLocalPort":60022,"startedAt":"2026-01-01T00:00:00Z","configDigest":""{more}}}"#
    );
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
}

fn phase<'a>(observed: &'a Observed, name: &str) -> &'a InstancePhase {
    &observed.instances[&Name::new(name).expect("a name")].phase
}

#[tokio::test]
async fn silent_host_agents_cost_no_more_than_one_and_are_not_asked_twice_at_once() {
    let home = Home::new(101);
    let connections = Arc::default();
    (1..101).for_each(|number| silent(&home.instance(number), &connections));
    serve(&home.instance(0), |stream| ready(&stream, Duration::ZERO));
    let engine = home.engine();
    for _ in 0..2 {
        let begun = Instant::now();
        let observed = engine.observe().await.expect("readable");
        // Each alone would be waited for for three seconds; `cargo xtask bench agents` has the time.
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(phase(&observed, "vm0"), &InstancePhase::Ready);
        for number in 1..101 {
            let phase = phase(&observed, &format!("vm{number}"));
            let InstancePhase::Broken { why } = phase else { panic!("{phase:?}") };
            assert!(why.contains("its host agent does not answer"), "{why}");
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 100, "the first question still goes on");
}

#[tokio::test]
async fn a_host_agent_that_is_late_once_is_not_taken_for_a_stuck_one() {
    let home = Home::new(1);
    let asked = AtomicUsize::new(0);
    serve(&home.instance(0), move |stream| {
        let slow = asked.fetch_add(1, Ordering::SeqCst) > 0;
        ready(&stream, Duration::from_millis(if slow { 600 } else { 0 }));
    });
    let engine = home.engine();
    for _ in 0..6 {
        let observed = engine.observe().await.expect("readable");
        assert_eq!(phase(&observed, "vm0"), &InstancePhase::Ready);
    }
}

#[tokio::test]
async fn one_that_was_ready_and_gets_stuck_is_found_out() {
    let home = Home::new(1);
    let asked = AtomicUsize::new(0);
    serve(&home.instance(0), move |stream| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => ready(&stream, Duration::ZERO),
        _ => std::mem::forget(stream),
    });
    let engine = home.engine();
    let begun = Instant::now();
    let mut broken = false;
    while !broken && begun.elapsed() < Duration::from_secs(20) {
        let observed = engine.observe().await.expect("readable");
        broken = matches!(phase(&observed, "vm0"), InstancePhase::Broken { .. });
    }
    assert!(broken);
    assert!(begun.elapsed() > Duration::from_secs(3), "it had the time that a question may take");
}

#[tokio::test]
async fn a_guest_that_is_held_is_waited_for() {
    let home = Home::new(1);
    let asked = AtomicUsize::new(0);
    serve(&home.instance(0), move |stream| match asked.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => answer(&stream, Duration::ZERO, r#","held":"there is no room""#),
        _ => ready(&stream, Duration::ZERO),
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let context = ActionContext::new(CancellationToken::new(), move |progress| {
        sink.lock().expect("no panic").push(progress);
    });
    let wait = Action::AwaitReady { instance: Name::new("vm0").expect("a name") };
    home.engine().perform(&wait, &context).await.expect("it goes on once there is room");
    let text = "waits for room (there is no room)".to_owned();
    assert_eq!(*told.lock().expect("no panic"), [Progress::Message { text }]);
}
