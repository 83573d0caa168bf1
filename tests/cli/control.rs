//! Commands while a controller runs, and while it does not answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use limekiln_tests::{Controller, Home};

use crate::controller::halted;

/// A manifest that the controller does not have.
fn other(home: &Home, name: &str) -> String {
    let path = home.manifests().with_file_name(format!("{name}.yaml"));
    std::fs::write(&path, halted(home, name, 1)).expect("writable");
    path.display().to_string()
}

#[test]
fn what_the_controller_does_not_keep_is_worked_on_beside_it() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &["--prune"]);
    controller.until("1 object is as wanted");
    let lone = other(&home, "lone");
    let applied = home.run(&format!("apply -f {lone}")).ok();
    assert!(applied.out.contains("Done in") && applied.err.contains("✓ instance/lone  created"));
    controller.until("instance/lone         create: done");
    home.run(&format!("apply -f {lone} --dry-run")).ok();
    let again = home.run(&format!("apply -f {lone}")).ok();
    assert!(again.out.contains("Nothing to do"), "{}", again.out);
    home.run("delete lone").expect(4);
    home.run("delete lone --yes").ok();
    home.run("get lone").expect(1);
    home.run("undelete lone").ok();
    home.run("get lone").ok();
    home.run("start nobody").expect(1);

    let refused = home.run("delete web --yes").expect(1);
    assert!(
        refused.err.contains("instance/web is kept by the controller from")
            && refused.err.contains("limekiln suspend instance/web"),
        "{}",
        refused.err
    );
    home.run("suspend web").ok();
    home.run("delete web --yes").ok();
    std::thread::sleep(Duration::from_millis(1_500));
    let shown = home.run("get web -o wide").ok().out;
    assert!(shown.contains("Pending") && shown.contains("suspended"), "{shown}");
    home.run("resume web").ok();
    controller.until("instance/web          create: done");
    controller.end();
    home.run("delete lone --yes --purge").ok();
}

#[test]
fn what_somebody_else_made_is_taken_over_beside_the_controller() {
    let home = Home::new();
    let lone = other(&home, "lone");
    home.run(&format!("apply -f {lone}")).ok();
    std::fs::remove_dir_all(home.lima().join("_limekiln/owners")).expect("there");
    let mut controller = Controller::start(&home, &[]);
    controller.until("0 objects are as wanted");
    assert!(home.run("get lone").ok().out.contains(" no"));
    home.run(&format!("apply -f {lone} --adopt")).ok();
    assert!(home.run("get lone").ok().out.contains(" yes"));
    controller.end();
}

#[test]
fn what_the_controllers_own_manifest_describes_is_taken_over_beside_it() {
    let home = Home::new();
    home.write("same.yaml", &halted(&home, "same", 1));
    home.write("edited.yaml", &halted(&home, "edited", 1));
    home.run("apply -f {m}").ok();
    std::fs::remove_dir_all(home.lima().join("_limekiln/owners")).expect("there");
    let mut controller = Controller::start(&home, &[]);
    controller.until("take it over with `limekiln apply --adopt`");
    let shown = home.run("apply -f {m}/same.yaml --adopt").ok();
    assert!(home.run("get same").ok().out.contains(" yes"), "{}{}", shown.out, shown.err);
    home.write("edited.yaml", &halted(&home, "edited", 7));
    let shown = home.run("apply -f {m}/edited.yaml --adopt").ok();
    let edited = home.run("get edited").ok().out;
    assert!(edited.contains(" yes") && edited.contains(" 7 "), "{edited}{}", shown.out);
    // From then on the controller keeps them.
    home.write("same.yaml", &halted(&home, "same", 3));
    controller.until("instance/same         edit: done");
    home.run("delete edited --yes").expect(1);
    controller.end();
}

#[test]
fn what_is_told_is_the_same_with_a_controller_and_without() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    home.write(
        "data.yaml",
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 1MiB}\n",
    );
    let mut controller = Controller::start(&home, &[]);
    controller.until("2 objects are as wanted");
    std::thread::sleep(Duration::from_millis(1_200));
    let all = [
        "get",
        "get -o wide",
        "get -o name",
        "get -o yaml",
        "get -o json web",
        "history",
        "describe web",
        "events -o name",
    ];
    // How long ago it was differs by a second now and then.
    let told = || {
        all.map(|line| {
            let out = home.run(line).ok().out;
            out.lines()
                .map(|line| {
                    line.split_once('s')
                        .filter(|(age, _)| age.parse::<u8>().is_ok())
                        .map_or(line, |(_, rest)| rest)
                        .trim()
                })
                .collect::<Vec<_>>()
                .join("\n")
        })
    };
    let with = told();
    controller.end();
    let without = told();
    for ((with, without), line) in with.iter().zip(&without).zip(all) {
        assert_eq!(with, without, "{line}");
    }
}

#[test]
fn who_waits_is_told_why() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    home.write("bad.yaml", &halted(&home, "bad", 1).replace("blank.raw", "missing.raw"));
    let mut controller = Controller::start(&home, &[]);
    controller.until("instance/bad          fetch image: failed");
    let begun = Instant::now();
    let mut table = home.run("get -o wide").ok().out;
    while !table.contains("failed") && begun.elapsed() < Duration::from_secs(10) {
        table = home.run("get -o wide").ok().out;
    }
    assert!(
        table.contains("bad") && table.contains("Pending") && table.contains("failed"),
        "{table}"
    );
    let shown = home.run("describe bad").ok().out;
    assert!(shown.contains("not made yet") && shown.contains("why"), "{shown}");
    assert!(
        shown.contains("again in") || shown.contains("again soon") || shown.contains("again now"),
        "{shown}"
    );
    // Who has mended it does not wait for the next try.
    let begun = Instant::now();
    for _ in 0..5 {
        home.run("notify bad").ok();
        controller.until("instance/bad          fetch image: failed");
    }
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    let late = home.run("wait bad --timeout 1s").expect(5);
    assert!(late.err.contains("instance/bad, which is Pending (failed"), "{}", late.err);
    // A kind means also what is only wanted; but not for what is to be gone.
    let late = home.run("wait instances --for phase=Stopped --timeout 1s").expect(5);
    assert!(late.err.contains("instance/bad, which is Pending (failed"), "{}", late.err);
    assert!(!late.err.contains("instance/web"), "{}", late.err);
    let late = home.run("wait instances --for delete --timeout 1s").expect(5);
    assert!(late.err.contains("instance/web") && !late.err.contains("bad"), "{}", late.err);
    controller.end();
    home.run("describe bad").expect(1);
    home.run("notify bad").expect(1);
}

/// A command that goes on.
struct Going {
    child: Child,
    lines: Receiver<String>,
}

impl Going {
    fn start(home: &Home, words: &[&str]) -> Self {
        let mut child = home.command(words).stdout(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    fn until(&self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("{text:?} does not come"));
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn events_and_waits_go_on_over_the_end_of_a_controller() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    let events = Going::start(&home, &["events", "-w", "-n", "1"]);
    assert!(events.until("instance/web").contains("create: done"));
    let json = Going::start(&home, &["events", "-w", "-n", "0", "-o", "json"]);
    let waits = Going::start(&home, &["wait", "db", "late", "--for", "phase=Stopped"]);
    std::thread::sleep(Duration::from_millis(500));
    home.write("db.yaml", &halted(&home, "db", 1));
    events.until("instance/db           create: done");
    let line: serde_json::Value =
        serde_json::from_str(&json.until("create")).expect("one object per line");
    assert_eq!((&line["object"], &line["count"]), (&"instance/db".into(), &1.into()));
    controller.end();
    let late = other(&home, "late");
    home.run(&format!("apply -f {late}")).ok();
    events.until("instance/late         create: done");
    waits.until("instance/late phase=Stopped");
}

#[test]
fn a_controller_that_is_frozen_is_done_without() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    controller.signal("-STOP");
    for line in [
        "get web",
        "describe web",
        "events",
        "wait web --for phase=Stopped",
        "history",
        "suspend web",
        "resume web",
        "notify",
    ] {
        let begun = Instant::now();
        let outcome = home.run(line).ok();
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(2_500), "{line}: {took:?}");
        let warned = outcome.err.matches("the controller of this home does not answer").count();
        assert_eq!(warned, 1, "{line}: {}", outcome.err);
    }
    let begun = Instant::now();
    let lone = other(&home, "lone");
    let refused = home.run(&format!("apply -f {lone}")).expect(1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(refused.err.contains("does not answer"), "{}", refused.err);
    controller.signal("-CONT");
    home.run(&format!("apply -f {lone}")).ok();
    controller.end();
}

#[test]
fn a_socket_that_a_killed_controller_left_is_no_controller() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    controller.kill();
    assert!(home.lima().join("_limekiln/control.sock").exists());
    let told = home.run("get web").ok();
    assert!(!told.err.contains("warning: the controller"), "{}", told.err);
    home.run("apply -f {m}").ok();
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    home.run("apply -f {m}").ok();
    controller.end();
}

#[test]
fn a_home_with_a_long_path_has_a_controller_without_an_api() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let long = home.lima().with_file_name("l".repeat(90));
    let mut controller = Controller::with(&home, &[], &[("LIMA_HOME", &long)]);
    let line = controller.until("goes on without control API");
    assert!(line.contains("has at most 107 bytes") && line.contains("LIMA_HOME"), "{line}");
    // Its own sockets would be too long, too: the instance is not made, and that is said.
    controller.until("instance/web");
    controller.end();
}

#[test]
fn figures_are_served_where_nobody_else_can_reach_them() {
    let home = Home::new();
    home.write("web.yaml", &halted(&home, "web", 1));
    let socket = home.manifests().with_file_name("figures.sock");
    let address = format!("unix:{}", socket.display());
    let mut controller = Controller::start(&home, &["--metrics", &address]);
    controller.until("1 object is as wanted");
    let mut stream = UnixStream::connect(&socket).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    for line in [
        "limekiln_actions_total{verb=\"create\",outcome=\"done\"} 1",
        "limekiln_object_ready{kind=\"instance\",name=\"web\"} 0",
        "limekiln_source_errors 0",
        "limekiln_objects_busy 0",
        "limekiln_queue_depth 0",
        "# TYPE limekiln_reconcile_duration_seconds histogram",
        "limekiln_reconcile_duration_seconds_bucket{le=\"+Inf\"}",
        "limekiln_last_revision_timestamp_seconds 1",
        "limekiln_reconciles_total ",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    controller.end();
    assert!(!socket.exists());
    let refused = home.run("run -f {m} --metrics 0.0.0.0:9100").expect(3);
    assert!(refused.err.contains("can be reached from elsewhere"), "{}", refused.err);
    // What is there already is somebody's.
    let file = home.write("web.yaml", &halted(&home, "web", 1));
    let refused = home.run(&format!("run -f {{m}} --metrics unix:{}", file.display())).expect(1);
    assert!(refused.err.contains("is there already, and is no socket"), "{}", refused.err);
    assert!(refused.err.contains("name a path"), "{}", refused.err);
    assert!(file.exists());
}
