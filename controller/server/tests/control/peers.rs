//! Those who connect.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use limekiln_proto::v1alpha1 as wire;

use crate::fixture::Fixture;

const SOCKET: &str = "LIMEKILN_TEST_SOCKET";
/// Of HTTP/2, RFC 9113 section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a server says to whoever speaks HTTP/2: its settings; nothing to those that it lets go.
fn greeted(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("possible");
    // An empty SETTINGS frame belongs to the preface.
    let _ = stream.write_all(&[PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat());
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).is_ok()
}

/// Not a test of its own: what another user does.
#[test]
fn another_user() {
    if let Some(socket) = env::var_os(SOCKET) {
        assert!(greeted(Path::new(&socket)), "not let in");
    }
}

fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

#[tokio::test]
async fn another_user_is_not_let_in() {
    if env::var("USER").is_ok_and(|user| user != "root") || fs::metadata("/root").is_err() {
        println!("SKIPPED: only root can become somebody else");
        return;
    }
    let fixture = Fixture::new(&[]).await;
    let socket = fixture.socket();
    // Somebody has opened all doors.
    for dir in socket.ancestors().skip(1).take(3) {
        open(dir, 0o755);
    }
    open(&socket, 0o666);
    let dir = tempfile::tempdir().expect("a directory");
    open(dir.path(), 0o755);
    let program = dir.path().join("test");
    fs::copy(env::current_exe().expect("it runs"), &program).expect("writable");
    open(&program, 0o755);
    let as_user = |uid: u32| {
        let mut command = Command::new(&program);
        command.args(["--exact", "peers::another_user"]).env(SOCKET, &socket).current_dir("/");
        command.uid(uid).output()
    };
    let Ok(ours) = as_user(0) else {
        println!("SKIPPED: only root can become somebody else");
        return;
    };
    assert!(ours.status.success(), "{}", String::from_utf8_lossy(&ours.stdout));
    let theirs = as_user(65_534).expect("it runs");
    let told = String::from_utf8_lossy(&theirs.stdout);
    assert!(!theirs.status.success() && told.contains("not let in"), "{told}");
    // The doors are shut again for the home to be used.
    for dir in socket.ancestors().skip(1).take(2) {
        open(dir, 0o700);
    }
    fixture.end().await;
}

#[tokio::test]
async fn clients_that_hang_keep_nobody_waiting_and_are_let_go() {
    let fixture = Fixture::new(&[("web", "")]).await;
    let silent: Vec<_> =
        (0..50).map(|_| UnixStream::connect(fixture.socket()).expect("it listens")).collect();
    let begun = Instant::now();
    let mut client = fixture.client().await;
    client.get_controller(wire::GetControllerRequest {}).await.expect("told");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    fixture.settled().await;
    let last = silent.into_iter().next_back().expect("one");
    last.set_read_timeout(Some(Duration::from_secs(10))).expect("possible");
    let read = tokio::task::spawn_blocking(move || (&last).read(&mut [0])).await.expect("no panic");
    assert_eq!(read.expect("closed"), 0);
    fixture.end().await;
}

#[tokio::test]
async fn who_comes_when_all_places_are_taken_is_sent_away_at_once() {
    let fixture = Fixture::new(&[]).await;
    let silent: Vec<_> =
        (0..64).map(|_| UnixStream::connect(fixture.socket()).expect("it listens")).collect();
    let socket = fixture.socket();
    let sent_away = tokio::task::spawn_blocking(move || !greeted(&socket)).await;
    assert!(sent_away.expect("no panic"));
    drop(silent);
    tokio::time::sleep(Duration::from_millis(200)).await;
    fixture.client().await.get_controller(wire::GetControllerRequest {}).await.expect("room again");
    fixture.end().await;
}
