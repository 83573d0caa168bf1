//! `limekiln run`: the controller as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use limekiln_tests::Home;

/// A controller, and what it prints.
struct Controller {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Controller {
    fn start(home: &Home, more: &[&str]) -> Self {
        let manifests = home.manifests().display().to_string();
        let words = [&["run", "-f", &manifests, "--resync", "1s"], more].concat();
        let mut command = home.command(&words);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits for a line that holds the text.
    fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no {text:?} in\n{}", self.seen.join("\n"));
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(killed.expect("kill is everywhere").success());
    }

    /// Ends it; how long that took, and with which code.
    fn end(mut self) -> (Duration, Option<i32>) {
        let begun = Instant::now();
        self.signal("-TERM");
        let status = self.child.wait().expect("ours");
        (begun.elapsed(), status.code())
    }
}

/// An instance that never starts.
fn halted(home: &Home, name: &str, cpus: u32) -> String {
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

    let busy = home.run("apply -f {m} --yes").expect(1);
    assert!(busy.err.contains("another limekiln (process"), "{}", busy.err);
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
    controller.until("the manifests cannot be read; what was known before holds");
    std::thread::sleep(Duration::from_millis(2_500));
    std::fs::rename(home.lima().join("away"), home.manifests()).expect("rename");
    controller.until("it can be read again");
    let told = controller.seen.iter().filter(|line| line.contains("cannot be read;")).count();
    assert_eq!(told, 1, "{:?}", controller.seen);
    home.run("get web").ok();
    controller.end();
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
        let mut controller = Controller::start(&home, &[]);
        std::thread::sleep(Duration::from_millis(150));
        controller.signal("-KILL");
        controller.child.wait().expect("ours");
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
    controller.until("instance/b            park: done");
    controller.until("instance/c            park: done");
    home.run("ack -f {m} --yes").ok();
    controller.end();
}
