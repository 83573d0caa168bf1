//! Sources and servers that never answer, on real time.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use limekiln_model::Policy;
use limekiln_reconciler::{ControllerOptions, ControllerState};
use limekiln_sources::git::GitOptions;
use limekiln_sources::{DirectoryWatch, WatchRoot};
use rustix::io::{FdFlags, fcntl_setfd};
use tokio::time::Instant;

use crate::controller::Running;
use crate::fixture::{Fixture, disk, id, instance, prune};

/// Set for who has mounts of his own.
const INSIDE: &str = "LIMEKILN_TEST_OWN_MOUNTS";

fn options(policy: Policy) -> ControllerOptions {
    ControllerOptions { policy, resync: Duration::from_secs(1), ..ControllerOptions::default() }
}

fn tells(state: &ControllerState, text: &str) -> bool {
    state.source_errors.iter().any(|error| error.contains(text))
}

/// Waits until the instance has so many processors; how long that took.
async fn has_cpus(fixture: &Fixture, cpus: u32) -> Duration {
    let begun = Instant::now();
    while fixture.instances().is_empty() || fixture.cpus("web") != i64::from(cpus) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the controller waits");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

/// A file system whose server never says a word: whoever looks into it waits, until the file is
/// closed.
fn hang(dir: &Path) -> File {
    let file = File::options().read(true).write(true).open("/dev/fuse").expect("looked at before");
    fcntl_setfd(&file, FdFlags::empty()).expect("ours");
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", file.as_raw_fd());
    let mut mount = Command::new("mount");
    mount.args(["-i", "-t", "fuse", "-o", &options, "none"]).arg(dir);
    assert!(mount.status().expect("looked at before").success());
    file
}

/// Runs one of these tests again where it may mount; false where nobody may.
fn runs_inside(test: &str) -> bool {
    let unshare = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.arg("-Urm").arg(program).args(arguments).env(INSIDE, "1");
        command.status().is_ok_and(|status| status.success())
    };
    let try_it = "exec 7<>/dev/fuse && d=$(mktemp -d) && mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 none $d && umount -l $d && rmdir $d";
    if !unshare(Path::new("sh"), &["-c", try_it]) {
        return false;
    }
    let here = std::env::current_exe().expect("a test");
    assert!(unshare(&here, &["--exact", test, "--nocapture"]), "see above");
    true
}

/// Whether this is to be done here: with mounts of its own, or not at all.
fn is_inside(test: &str) -> bool {
    let inside = std::env::var_os(INSIDE).is_some();
    if !inside && !runs_inside(test) {
        eprintln!("skipped: nothing can be mounted here");
    }
    inside
}

/// Plays it where something can be mounted, and leaves behind what still waits.
fn inside(test: &str, play: impl Future<Output = ()>) {
    if !is_inside(test) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(play);
    runtime.shutdown_background();
}

#[test]
fn a_directory_that_hangs_stops_the_watch_of_no_other() {
    if !is_inside("hangs::a_directory_that_hangs_stops_the_watch_of_no_other") {
        return;
    }
    let dir = tempfile::tempdir().expect("dir");
    let path = |name: &str| dir.path().join(name);
    for name in ["one", "two"] {
        std::fs::create_dir(path(name)).expect("dir");
    }
    let root = |name| WatchRoot { path: path(name), recursive: true };
    let watch = || DirectoryWatch::new([root("one"), root("two")]).expect("a watch");
    let sees = |watch: &mut DirectoryWatch, text: &str| {
        while watch.changed(Duration::from_millis(100)) {}
        std::fs::write(path("two").join("a.yaml"), text).expect("write");
        let (begun, seen) = (Instant::now(), watch.changed(Duration::from_secs(20)));
        assert!(seen && begun.elapsed() < Duration::from_secs(5), "{text}: {:?}", begun.elapsed());
    };
    let mut before = watch();
    let server = hang(&path("one"));
    // Long enough to have looked into it.
    assert!(!before.changed(Duration::from_secs(3)));
    sees(&mut before, "begun before");
    let mut after = watch();
    sees(&mut after, "begun after");

    drop(server);
    let unmounted = Command::new("umount").arg("-l").arg(path("one")).status();
    assert!(unmounted.expect("there").success());
    for watch in [&mut before, &mut after] {
        // Until the first has looked again where its path leads to.
        while watch.changed(Duration::from_secs(3)) {}
        std::fs::write(path("one").join("a.yaml"), "a").expect("write");
        assert!(watch.changed(Duration::from_secs(20)), "it is watched again");
    }
}

#[test]
fn a_directory_that_hangs_keeps_nobody_waiting() {
    inside("hangs::a_directory_that_hangs_keeps_nobody_waiting", beside_a_directory_that_hangs());
}

async fn beside_a_directory_that_hangs() {
    let fixture = Fixture::new();
    let dead = fixture.path("dead");
    std::fs::create_dir(&dead).expect("dir");
    std::fs::write(dead.join("data.yaml"), disk("data")).expect("write");
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::over(&fixture, fixture.sources_of(&["m", "dead"]), options(prune()));
    running.settled().await;

    let server = hang(&dead);
    running.until("told", |state| tells(state, "source dead: it is still being read since")).await;
    fixture.put("web.yaml", &instance("web", 2));
    has_cpus(&fixture, 2).await;
    running.end().await;

    // The same for who knows nothing of it.
    let running = Running::over(&fixture, fixture.sources_of(&["m", "dead"]), options(prune()));
    fixture.put("web.yaml", &instance("web", 3));
    has_cpus(&fixture, 3).await;
    let state = running.until("told", |state| tells(state, "source dead: it is still")).await;
    assert_eq!(state.unread, ["dead"]);
    assert!(fixture.engine.look().exists(&id("disk/data")), "what it held is left alone");
    let passes = running.looked().await;
    running.until("it goes on", |state| state.passes > passes + 2).await;

    drop(server);
    running.until("the truth", |state| !tells(state, "still") && tells(state, "dead")).await;
    assert!(Command::new("umount").arg("-l").arg(&dead).status().expect("there").success());
    running.settled().await;
    assert!(fixture.engine.look().exists(&id("disk/data")));
    running.end().await;
}

#[test]
fn a_repository_that_hangs_is_told_and_keeps_nobody_waiting() {
    inside(
        "hangs::a_repository_that_hangs_is_told_and_keeps_nobody_waiting",
        beside_a_repository_that_hangs(),
    );
}

async fn beside_a_repository_that_hangs() {
    let fixture = Fixture::new();
    let repository = fixture.repository("dead", "data.yaml", &disk("data"));
    let dead = fixture.path("dead");
    fixture.put("web.yaml", &instance("web", 1));
    let impatient = GitOptions { timeout: Duration::from_secs(2), ..GitOptions::default() };
    let sources = fixture.sources(vec![fixture.directory("m"), repository]).fetching(&impatient);
    let running = Running::over(&fixture, Box::new(sources), options(prune()));
    running.settled().await;
    assert!(fixture.engine.look().exists(&id("disk/data")));

    let server = hang(&dead);
    let still = "source dead: it is still being fetched since";
    let state = running.until("told", |state| tells(state, still)).await;
    assert!(!state.is_settled(), "it may hold anything");
    fixture.put("web.yaml", &instance("web", 2));
    has_cpus(&fixture, 2).await;
    assert!(fixture.engine.look().exists(&id("disk/data")), "what it held holds");

    drop(server);
    running.until("the truth", |state| !tells(state, "still") && tells(state, "dead")).await;
    assert!(Command::new("umount").arg("-l").arg(&dead).status().expect("there").success());
    running.settled().await;
    assert!(fixture.engine.look().exists(&id("disk/data")));
    running.end().await;
}

#[tokio::test]
async fn a_server_that_never_answers_holds_up_its_instance_alone() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("bound");
    let fixture = Fixture::new();
    let needy = |name: &str| {
        format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec: {{template: {{base: 'http://{address}/{name}.yaml'}}}}\n"
        )
    };
    fixture.put("a.yaml", &needy("a"));
    fixture.put("b.yaml", &needy("b"));
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, options(Policy::default()));
    // Accepts, and says nothing.
    let server = std::thread::spawn(move || {
        let open: Vec<_> = server.incoming().take(2).collect();
        std::thread::sleep(Duration::from_secs(60));
        drop(open);
    });
    let state = running.until("a look", |state| state.passes > 0).await;
    assert_eq!(state.unread, ["the manifests"], "nothing was loaded yet");
    has_cpus(&fixture, 1).await;
    let state = running.until("a plan", |state| state.planned.is_some()).await;
    let frozen = &state.planned.as_ref().expect("just seen").desired.frozen;
    for name in ["instance/a", "instance/b"] {
        let why = &frozen[&id(name)].why;
        assert!(why.contains(&format!("http://{address} does not answer")), "{why}");
    }
    // It is known by now that nobody answers there.
    fixture.put("web.yaml", &instance("web", 2));
    let took = has_cpus(&fixture, 2).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    running.end().await;
    drop(server);
}

#[test]
fn a_mount_location_that_hangs_keeps_nobody_waiting() {
    inside(
        "hangs::a_mount_location_that_hangs_keeps_nobody_waiting",
        beside_a_mount_location_that_hangs(),
    );
}

async fn beside_a_mount_location_that_hangs() {
    let fixture = Fixture::new();
    let dead = fixture.path("dead");
    std::fs::create_dir(&dead).expect("dir");
    let mounts = |location: &Path| {
        format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: needy}}\nspec: {{template: {{images: [{{location: 'https://example.com/a.img'}}], cpus: 1, memory: 1GiB, mounts: [{{location: '{}'}}]}}}}\n",
            location.display()
        )
    };
    let server = hang(&dead);
    fixture.put("needy.yaml", &mounts(&dead));
    fixture.put("web.yaml", &instance("web", 1));
    let running = Running::start(&fixture, options(prune()));
    let took = has_cpus(&fixture, 1).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    fixture.put("web.yaml", &instance("web", 2));
    let took = has_cpus(&fixture, 2).await;
    assert!(took < Duration::from_secs(4), "nobody waits for it again: {took:?}");
    running.settled().await;
    assert!(fixture.engine.look().exists(&id("instance/needy")), "every rule about it holds");

    // It answers at last, and what it says counts, though no manifest has changed.
    drop(server);
    let is_wrong = |state: &ControllerState| {
        let desired = state.planned.as_ref().map(|planned| &planned.desired);
        desired.is_some_and(|desired| desired.frozen.contains_key(&id("instance/needy")))
    };
    running.until("the truth", is_wrong).await;
    assert!(Command::new("umount").arg("-l").arg(&dead).status().expect("there").success());
    running.end().await;
}
