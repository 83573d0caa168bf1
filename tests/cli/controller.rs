//! `limekiln run`: the controller as a process.

use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use limekiln_tests::{Controller, Home};

/// An instance that never starts.
pub fn halted(home: &Home, name: &str, cpus: u32) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n  runStrategy: Halted\n  template:\n    cpus: {cpus}\n    disk: 1MiB\n    images: [{{location: {}}}]\n",
        home.blank_image().display()
    )
}

#[test]
fn it_follows_the_directory_until_it_is_told_to_stop() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &["--prune"]);
    controller.until("instance/web          create: done");
    controller.until("1 object is as wanted");
    home.write("db.yaml", &halted(&home, "db", 1));
    controller.until("instance/db           create: done");
    home.write("web.yaml", &halted(&home, "web", 2));
    controller.until("instance/web          edit: done");
    controller.until("2 objects are as wanted");
    home.run("diff -f {m} --exit-code").ok();
    std::fs::remove_file(home.manifests().join("db.yaml")).expect("there");
    controller.until("instance/db           park: done");
    home.run("get db").expect(1);

    // What it keeps is as it is to be: there is nothing to order.
    home.run("apply -f {m} --yes").ok();
    let (time, code) = controller.end();
    assert_eq!(code, Some(0));
    assert!(time < Duration::from_secs(2), "{time:?}");
    home.run("apply -f {m} --yes").ok();
}

#[test]
fn what_is_wrong_freezes_its_object_and_is_told_once() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &["--log-format", "json"]);
    controller.until("1 object is as wanted");
    home.write("web.yaml", "kind: Instance\n");
    let line = controller.until("apiVersion");
    let line: serde_json::Value = serde_json::from_str(&line).expect("one object per line");
    assert_eq!(line["level"], "error");
    std::fs::rename(home.manifests(), home.lima().join("away")).expect("rename");
    controller.until("cannot be read; what was known before holds");
    std::thread::sleep(Duration::from_millis(2_500));
    std::fs::rename(home.lima().join("away"), home.manifests()).expect("rename");
    controller.until("all can be read again");
    let told =
        controller.seen().iter().filter(|line| line.contains("cannot be read; what")).count();
    assert_eq!(told, 1, "{:?}", controller.seen());
    home.run("get web").ok();
    controller.end();
}

#[test]
fn what_manifests_build_on_is_followed_too_and_tried_again_when_it_could_not_be_had() {
    let home = Home::new();
    let built = halted(&home, "web", 1).replace("    cpus: 1\n", "    base: [size.part]\n");
    home.write("web.yaml", &built);
    let mut controller = Controller::start(&home, &[]);
    controller.until("size.part");
    home.write("size.part", "cpus: 2\n");
    controller.until("instance/web          create: done");
    controller.until("1 object is as wanted");
    home.write("size.part", "cpus: 3\n");
    controller.until("instance/web          edit: done");
    home.run("diff -f {m} --exit-code").ok();
    assert_eq!(controller.end().1, Some(0));
}

#[test]
fn a_hangup_reads_what_all_have_in_common_again() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    let config = home.lima().join("_config");
    std::fs::create_dir_all(&config).expect("writable");
    std::fs::write(config.join("override.yaml"), "cpus: 3\n").expect("writable");
    controller.signal("-HUP");
    controller.until("reloaded");
    controller.until("1 object is as wanted");
    home.run("diff -f {m} --exit-code").ok();
    assert_eq!(controller.end().1, Some(0));
}

#[test]
fn a_killed_controller_leaves_nothing_in_the_way() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    for _ in 0..5 {
        let controller = Controller::start(&home, &[]);
        std::thread::sleep(Duration::from_millis(150));
        controller.kill();
    }
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    controller.end();
}

#[test]
fn objects_are_suspended_and_deletions_acknowledged_by_hand() {
    let home = Home::new();
    for name in ["a", "b", "c"] {
        home.write(&format!("{name}.yaml"), &halted(&home, name, 1));
    }
    let mut controller = Controller::start(&home, &["--prune"]);
    controller.until("3 objects are as wanted");
    assert_eq!(home.run("suspend a").ok().out, "instance/a suspended\n");
    assert_eq!(home.run("suspend a").ok().out, "instance/a was already suspended\n");
    home.write("a.yaml", &halted(&home, "a", 2));
    controller.until("instance/a            is suspended → `limekiln resume instance/a` ends that");
    home.run("resume a").ok();
    controller.until("instance/a            edit: done");

    for name in ["b", "c"] {
        std::fs::remove_file(home.manifests().join(format!("{name}.yaml"))).expect("there");
    }
    controller.until("2 of 3 objects would be deleted");
    home.run("ack -f {m}").expect(4);
    let shown = home.run("ack -f {m} --yes").ok().out;
    assert!(shown.contains("Plan: 2 to delete.") && shown.contains("Acknowledged"), "{shown}");
    controller.until_all(&["instance/b            park: done", "instance/c            park: done"]);
    home.run("ack -f {m} --yes").ok();
    controller.end();
}

/// Most of a directory is taken away, with consent, given back, and taken away again without.
fn consents_once(home: &Home) {
    let fill =
        || ["a", "b", "c"].map(|name| home.write(&format!("{name}.yaml"), &halted(home, name, 1)));
    let take = || {
        for name in ["b", "c"] {
            std::fs::remove_file(home.manifests().join(format!("{name}.yaml"))).expect("there");
        }
    };
    let prune = || home.run("apply -f {m} --prune --yes");
    fill();
    prune().ok();
    take();
    let held = prune().expect(4).err;
    assert!(held.contains("2 of 3 objects would be deleted"), "{held}");
    home.run("ack -f {m} --yes").ok();
    prune().ok();
    fill();
    prune().ok();
    take();
    let held = prune().expect(4).err;
    assert!(held.contains("2 of 3 objects would be deleted"), "{held}");
}

#[test]
fn what_was_acknowledged_is_asked_for_again_without_a_controller_too() {
    consents_once(&Home::new());
}

#[test]
fn what_was_acknowledged_is_asked_for_again_also_by_way_of_a_controller_of_others() {
    let home = Home::new();
    let others = home.manifests().with_file_name("others");
    std::fs::create_dir(&others).expect("writable");
    std::fs::write(others.join("web.yaml"), halted(&home, "web", 1)).expect("writable");
    let mut controller = Controller::of(&home, &["-f", &others.display().to_string()]);
    controller.until("1 object is as wanted");
    consents_once(&home);
    controller.end();
}

/// Runs git in a directory, without anybody's configuration. The same is the same commit always.
pub fn git(dir: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
        .args(words)
        .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn a_repository_is_followed_forward_and_rewound_only_with_consent() {
    let home = Home::new();
    let repository = home.manifests();
    git(&repository, &["init", "--quiet", "--initial-branch=main"]);
    let commit = |message: &str| {
        git(&repository, &["add", "--all"]);
        git(&repository, &["commit", "--quiet", "--message", message]);
        git(&repository, &["rev-parse", "HEAD"])
    };
    home.write("web.yaml", &halted(&home, "web", 1));
    let first = commit("first");
    let config = home.manifests().with_file_name("sources.yaml");
    let source = format!(
        "sources:\n- name: team\n  git: {{url: {}, reference: {{branch: main}}}}\n  prune: true\n",
        repository.display()
    );
    std::fs::write(&config, &source).expect("writable");
    // What a repository holds is not trusted: a file of this host is no image for it.
    let mut controller = Controller::of(&home, &["--config", &config.display().to_string()]);
    controller.until("is left alone");
    controller.end();
    home.run("get web").expect(1);
    let policy = "images: {roots: [.], requireDigest: false}\n";
    let policy = policy.replace('.', &home.blank_image().with_file_name("").display().to_string());
    std::fs::write(config.with_file_name("policy.yaml"), policy).expect("writable");
    std::fs::write(&config, source + "  policy: policy.yaml\n").expect("writable");
    let mut controller = Controller::of(&home, &["--config", &config.display().to_string()]);
    controller.until("instance/web          create: done");
    controller.until("1 object is as wanted");

    home.write("web.yaml", &halted(&home, "web", 2));
    commit("second");
    home.run("notify").ok();
    controller.until("instance/web          edit: done");

    // Somebody forces the branch back, and on to something else.
    git(&repository, &["reset", "--quiet", "--hard", &first]);
    home.write("web.yaml", &halted(&home, "web", 3));
    let forced = commit("forced");
    home.run("notify").ok();
    let line = controller.until("was rewound");
    assert!(line.contains(&forced), "{line}");
    assert!(home.run("get web").ok().out.contains(" 2 "), "what was known before holds");
    let command = format!("ack {forced} --source git:team");
    assert!(line.contains(&format!("`limekiln {command}`")), "{line}");
    home.run(&command).ok();
    controller.until("instance/web          edit: done");
    controller.until("1 object is as wanted");
    assert!(home.run("get web").ok().out.contains(" 3 "));

    // That it was followed there once is no leave to come back to it.
    home.write("web.yaml", &halted(&home, "web", 4));
    commit("fourth");
    home.run("notify").ok();
    controller.until("instance/web          edit: done");
    git(&repository, &["reset", "--quiet", "--hard", &forced]);
    home.run("notify").ok();
    controller.until("was rewound");
    assert!(home.run("get web").ok().out.contains(" 4 "), "what was known before holds");

    // The remote goes away, and the controller is started again.
    controller.end();
    std::fs::rename(&repository, home.lima().join("away")).expect("rename");
    let mut controller = Controller::of(&home, &["--config", &config.display().to_string()]);
    controller.until("cannot be read; what was known before holds: source team");
    home.run("get web").ok();
    controller.end();
}

#[test]
fn a_revision_can_be_gone_back_to_and_the_one_that_was_left_stays_away() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    home.write("web.yaml", &halted(&home, "web", 7));
    controller.until("instance/web          edit: done");
    let listed = home.run("history").ok().out;
    let revisions: Vec<_> = listed.lines().skip(1).collect();
    assert!(revisions.len() == 2 && revisions[1].contains("newest"), "{listed}");
    let word = |line: &str| line.split_whitespace().nth(1).expect("a revision").to_owned();
    let (first, second) = (word(revisions[0]), word(revisions[1]));
    let shown = home.run(&format!("history {second}")).ok().out;
    assert!(shown.contains("+    cpus: 7") && shown.contains("edit"), "{shown}");
    assert!(shown.contains("plan 1 of 1") && !shown.contains("cut short"), "{shown}");

    home.run("rollback nonsense").expect(3);
    let told = home.run(&format!("rollback {first}")).ok().out;
    assert!(told.contains("is pinned to") && told.contains("not applied again"), "{told}");
    controller.until("instance/web          edit: done");
    assert!(home.run("get web").ok().out.contains(" 1 "));
    // Neither a restart of the controller nor a release brings back what was left.
    controller.end();
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    home.run("rollback --release").ok();
    std::thread::sleep(Duration::from_secs(3));
    assert!(home.run("get web").ok().out.contains(" 1 "));
    // What comes after it counts.
    home.write("web.yaml", &halted(&home, "web", 3));
    controller.until("instance/web          edit: done");
    assert!(home.run("get web").ok().out.contains(" 3 "));
    controller.end();
}

#[test]
fn who_goes_back_to_what_was_deleted_is_told_how_to_have_its_data() {
    let home = Home::new();
    for name in ["a", "db", "web"] {
        home.write(&format!("{name}.yaml"), &halted(&home, name, 1));
    }
    let mut controller = Controller::start(&home, &["--prune"]);
    controller.until("3 objects are as wanted");
    std::fs::write(home.instance("db").join("mine"), "data").expect("writable");
    std::fs::remove_file(home.manifests().join("db.yaml")).expect("there");
    controller.until("instance/db           park: done");
    let listed = home.run("history").ok().out;
    let first = listed.lines().nth(1).and_then(|line| line.split_whitespace().nth(1));
    let first = first.expect("a revision").to_owned();
    let shown = home.run(&format!("rollback {first}")).expect(4);
    assert!(shown.out.contains("limekiln undelete instance/db"), "{}", shown.out);
    assert!(!shown.out.contains("instance/web"), "{}", shown.out);
    assert!(!home.instance("db").exists());

    // Who goes on all the same finds the way back: the last one deleted is the empty one then.
    home.run(&format!("rollback {first} --yes")).ok();
    controller
        .until_all(&["without the data of the one deleted", "instance/db           create: done"]);
    let refused = home.run("undelete db").expect(1);
    let said = (refused.out + &refused.err).split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, key) = said.split_once("--key ").expect("a way back");
    let key = key.split('`').next().expect("the key").to_owned();
    home.run("suspend db").ok();
    home.run("delete db --yes").ok();
    home.run(&format!("undelete db web --key {key}")).expect(3);
    home.run(&format!("undelete db --key {key}")).ok();
    home.run("resume db").ok();
    assert_eq!(std::fs::read_to_string(home.instance("db").join("mine")).expect("back"), "data");
    controller.until("3 objects are as wanted");
    controller.end();
}

#[test]
fn each_source_has_its_own_plans_and_a_revision_of_several_is_shown_of_each() {
    let home = Home::new();
    let other = home.manifests().with_file_name("n");
    std::fs::create_dir(&other).expect("writable");
    home.write("web.yaml", &halted(&home, "web", 1));
    std::fs::write(other.join("db.yaml"), halted(&home, "db", 1)).expect("writable");
    let dirs = [home.manifests(), other.clone()].map(|dir| dir.display().to_string());
    let mut controller = Controller::of(&home, &["-f", &dirs[0], "-f", &dirs[1]]);
    controller.until("2 objects are as wanted");
    // Both are emptied: one and the same revision, of which nothing is deleted.
    std::fs::remove_file(home.manifests().join("web.yaml")).expect("there");
    std::fs::remove_file(other.join("db.yaml")).expect("there");
    let of = |words: &str| {
        let out = home.run(&format!("history -o json{words}")).ok().out;
        let all: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        all.as_array().expect("a list").clone()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while of("").len() < 4 {
        assert!(Instant::now() < deadline, "{:?}", of(""));
        std::thread::sleep(Duration::from_millis(100));
    }
    controller.end();
    let all = of("");
    let made = |source: &str, object: &str| {
        let mut revisions = all.iter().filter(|one| one["source"] == source);
        let steps = revisions.next().expect("kept")["plans"][0]["steps"].as_array().cloned();
        let steps = steps.expect("a plan");
        assert!(steps.iter().all(|step| step["object"] == object), "{steps:?}");
        assert!(steps.iter().any(|step| step["verb"] == "create"), "{steps:?}");
        assert!(steps.iter().all(|step| step["outcome"] == "done"), "{steps:?}");
    };
    made(&dirs[0], "instance/web");
    made(&dirs[1], "instance/db");
    let last = all.last().expect("kept")["revision"].as_str().expect("text").to_owned();
    let both = of(&format!(" {last}"));
    assert_eq!(both.len(), 2, "{both:?}");
    let change = &both[0]["changes"][0]["diff"];
    assert!(change.as_str().is_some_and(|diff| diff.contains("-kind: Instance")), "{both:?}");
    let shown = home.run(&format!("history {last}")).ok().out;
    assert!(dirs.iter().all(|dir| shown.contains(&format!("source    {dir}\n"))), "{shown}");
    let one = home.run(&format!("history {last} --source {} -o name", dirs[1])).ok().out;
    assert_eq!(one, format!("{last}\n"));
}

#[test]
fn a_remote_that_never_answers_keeps_nobody_waiting() {
    let home = Home::new();
    let remote = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = remote.local_addr().expect("bound").port();
    home.write("web.yaml", &halted(&home, "web", 1));
    let config = home.manifests().with_file_name("sources.yaml");
    let text = format!(
        "sources:\n- name: slow\n  git: {{url: 'https://127.0.0.1:{port}/a.git', reference: {{branch: main}}}}\n- name: mine\n  directory: {{path: {}}}\n",
        home.manifests().display()
    );
    std::fs::write(&config, text).expect("writable");
    let mut controller = Controller::of(&home, &["--config", &config.display().to_string()]);
    let _waiting = remote.accept().expect("git asks");
    controller.until("instance/web          create: done");
    home.write("db.yaml", &halted(&home, "db", 1));
    controller.until("instance/db           create: done");
    let (time, code) = controller.end();
    assert_eq!(code, Some(0));
    assert!(time < Duration::from_secs(4), "{time:?}");
}

/// Sends signals so that the controller finds all of them at once, whenever it looks.
fn signals_at_once(controller: &Controller, signals: &[&str]) {
    controller.signal("-STOP");
    signals.iter().for_each(|signal| controller.signal(signal));
    controller.signal("-CONT");
}

#[test]
fn who_is_told_to_end_ends_whatever_else_he_is_told() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    for signals in [["-TERM", "-HUP"], ["-HUP", "-TERM"], ["-HUP", "-INT"]].repeat(3) {
        let mut controller = Controller::start(&home, &[]);
        controller.until("1 object is as wanted");
        signals_at_once(&controller, &signals);
        let (code, said) = controller.ended();
        assert_eq!(code, Some(0), "{signals:?}: {said}");
    }
    // It left everything at a safe point.
    home.run("apply -f {m} --yes").ok();
}

#[test]
fn no_signal_is_lost_while_everything_is_read_anew() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    for pause in [0, 5, 10, 20, 40, 80, 160] {
        let mut controller = Controller::start(&home, &[]);
        controller.until("1 object is as wanted");
        controller.signal("-HUP");
        std::thread::sleep(Duration::from_millis(pause));
        controller.signal("-TERM");
        let (code, said) = controller.ended();
        assert_eq!(code, Some(0), "after {pause} ms: {said}");
    }
}

/// Reloads until somebody else who waits for the lock has got it in between, for three seconds.
fn overtaken(home: &Home, controller: &mut Controller) -> std::process::Child {
    let lock = home.lima().join("_limekiln/lock");
    for _ in 0..20 {
        let mut other =
            Command::new("flock").arg(&lock).args(["sleep", "3"]).spawn().expect("flock");
        std::thread::sleep(Duration::from_millis(200));
        controller.signal("-HUP");
        if controller.prints_within("goes on when that has ended", Duration::from_millis(1500)) {
            return other;
        }
        // The controller was first: this one waits still.
        other.kill().expect("ours");
        other.wait().expect("ours");
    }
    panic!("nobody gets in between");
}

#[test]
fn a_hangup_waits_for_who_got_the_lock_in_between() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let socket = home.manifests().with_file_name("notify");
    let manager = UnixDatagram::bind(&socket).expect("a short path");
    let (hears, heard) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok(length) = manager.recv(&mut bytes) {
            let _ = hears.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
    });
    let mut controller = Controller::with(&home, &[], &[("NOTIFY_SOCKET", &socket)]);
    controller.until("1 object is as wanted");
    let mut other = overtaken(&home, &mut controller);
    controller.until("reloaded");
    // Its watchdog must not bite while it waits.
    let next = || heard.recv_timeout(Duration::from_secs(10)).ok();
    let waited = std::iter::from_fn(next).find(|text| text.contains("STATUS=waits for another"));
    assert!(waited.expect("it is told").contains("WATCHDOG=1"));
    controller.until("1 object is as wanted");
    assert!(other.wait().expect("ours").success());

    let mut other = overtaken(&home, &mut controller);
    controller.signal("-TERM");
    let (code, said) = controller.ended();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(other.try_wait().expect("ours"), None, "nobody waited for it");
    other.wait().expect("ours");
}

#[test]
fn a_hangup_reads_sources_and_policies_again_and_keeps_what_it_had_if_they_are_wrong() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let config = home.manifests().with_file_name("sources.yaml");
    let policy = config.with_file_name("policy.yaml");
    let more = config.with_file_name("more");
    std::fs::create_dir(&more).expect("writable");
    std::fs::write(more.join("db.yaml"), halted(&home, "db", 1)).expect("writable");
    let source = |name: &str, path: &Path| {
        format!("- name: {name}\n  directory: {{path: {}}}\n", path.display())
    };
    let mine = format!("sources:\n{}", source("mine", &home.manifests()));
    std::fs::write(&config, &mine).expect("writable");
    let mut controller = Controller::of(&home, &["--config", &config.display().to_string()]);
    controller.until("1 object is as wanted");

    let never = format!("{mine}  interval: 18446744073709551615\n");
    for wrong in ["sources: [", "sources: []\n", &format!("{mine}  policy: policy.yaml\n"), &never]
    {
        std::fs::write(&policy, "pruneBudget: many\n").expect("writable");
        std::fs::write(&config, wrong).expect("writable");
        controller.signal("-HUP");
        controller.until("not reloaded; goes on as before");
    }
    // It still follows what it had.
    home.write("web.yaml", &halted(&home, "web", 2));
    controller.until("instance/web          edit: done");

    std::fs::write(&config, format!("{mine}{}", source("more", &more))).expect("writable");
    controller.signal("-HUP");
    controller.until("reloaded");
    controller.until("instance/db           create: done");
    controller.until("2 objects are as wanted");
    let told = controller.seen().iter().filter(|line| line.contains("not reloaded")).count();
    assert_eq!(told, 4, "{:?}", controller.seen());
    assert_eq!(controller.end().1, Some(0));
    let never_asked = format!("run --config {}", config.display());
    std::fs::write(&config, never).expect("writable");
    let refused = home.run(&never_asked).expect(3).err;
    assert!(refused.contains("source mine: `interval` is 1844"), "{refused}");
    let refused = home.run(&format!("{never_asked} --resync 0s")).expect(3).err;
    assert!(refused.contains("between 1s and 1d"), "{refused}");
}

/// A file that is there and does not answer, as one of a server that is away: a pipe of which
/// nobody has the other end.
fn silent(path: &Path) {
    let _ = std::fs::remove_file(path);
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
}

#[test]
fn a_hangup_that_cannot_be_read_keeps_nobody_waiting() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let config = home.manifests().with_file_name("sources.yaml");
    let words = ["--config", &config.display().to_string()];
    silent(&config);
    let first = Controller::of(&home, &words);
    // It reads, and minds signals, once the pipe can be opened from this side.
    let pipe = std::fs::OpenOptions::new().write(true).open(&config).expect("a pipe");
    let (time, code) = first.end();
    assert_eq!(code, Some(0));
    assert!(time < Duration::from_secs(10), "{time:?}");
    drop(pipe);

    let path = home.manifests().display().to_string();
    let sources = format!("sources: [{{name: mine, directory: {{path: {path}}}}}]\n");
    std::fs::remove_file(&config).expect("there");
    std::fs::write(&config, &sources).expect("writable");
    let mut controller = Controller::of(&home, &words);
    controller.until("1 object is as wanted");
    silent(&config);
    controller.signal("-HUP");
    // It goes on, and says what it waits for.
    home.write("web.yaml", &halted(&home, "web", 2));
    controller.until("instance/web          edit: done");
    controller.until("still reads what is configured");
    assert!(!controller.seen().iter().any(|line| line.contains("reloaded")));
    // What comes late may never come: who mends it and says so is heard.
    std::fs::remove_file(&config).expect("there");
    std::fs::write(&config, &sources).expect("writable");
    controller.signal("-HUP");
    controller.until("reloaded");
    controller.until("1 object is as wanted");

    // An answer from before another signal: it is asked once more.
    silent(&config);
    controller.signal("-HUP");
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&config).expect("a pipe");
    std::fs::remove_file(&config).expect("there");
    std::fs::write(&config, sources.replace("mine", "anew")).expect("writable");
    controller.signal("-HUP");
    pipe.write_all(sources.as_bytes()).expect("a pipe");
    drop(pipe);
    controller.until("keeps anew as wanted");
    controller.until("1 object is as wanted");

    silent(&config);
    controller.signal("-HUP");
    let pipe = std::fs::OpenOptions::new().write(true).open(&config).expect("a pipe");
    let (time, code) = controller.end();
    assert_eq!(code, Some(0));
    assert!(time < Duration::from_secs(10), "{time:?}");
    drop(pipe);
}
