//! `limekiln run` as a process.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Home;

/// A controller, and what it prints.
pub struct Controller {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    errors: Option<JoinHandle<String>>,
}

impl Controller {
    /// Over the home's manifests, looking at least every second unless `more` says otherwise.
    ///
    /// # Panics
    /// If the program was not built.
    pub fn start(home: &Home, more: &[&str]) -> Self {
        Self::with(home, more, &[])
    }

    /// With these words.
    ///
    /// # Panics
    /// If the program was not built.
    pub fn of(home: &Home, words: &[&str]) -> Self {
        Self::spawn(home, words, &[])
    }

    /// Over the home's manifests, with variables in its environment.
    ///
    /// # Panics
    /// If the program was not built.
    pub fn with(home: &Home, more: &[&str], environment: &[(&str, &Path)]) -> Self {
        let manifests = home.manifests().display().to_string();
        Self::spawn(home, &[&["-f", &manifests], more].concat(), environment)
    }

    fn spawn(home: &Home, words: &[&str], environment: &[(&str, &Path)]) -> Self {
        let often: &[&str] = if words.contains(&"--resync") { &[] } else { &["--resync", "1s"] };
        let words = [&["run"], often, words].concat();
        let mut command = home.command(&words);
        command.envs(environment.iter().copied());
        Self::by(command)
    }

    /// By a command that becomes one.
    ///
    /// # Panics
    /// If there is no such command.
    pub fn by(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut err = child.stderr.take().expect("piped");
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = err.read_to_string(&mut text);
            text
        });
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines, seen: Vec::new(), errors: Some(errors) }
    }

    /// Waits for a line that holds the text.
    ///
    /// # Panics
    /// If there is none within a minute.
    pub fn until(&mut self, text: &str) -> String {
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

    /// Whether a line that holds the text comes within this time.
    pub fn prints_within(&mut self, text: &str, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { return false };
            self.seen.push(line);
            if self.seen.last().is_some_and(|line| line.contains(text)) {
                return true;
            }
        }
    }

    /// Waits for lines that hold these texts, in any order.
    ///
    /// # Panics
    /// If one does not come within a minute.
    pub fn until_all(&mut self, texts: &[&str]) {
        let mut left = texts.to_vec();
        while !left.is_empty() {
            let line = self.until("");
            left.retain(|text| !line.contains(text));
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `-HUP`.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(killed.expect("kill is everywhere").success());
    }

    /// All lines up to the last that was waited for.
    pub fn seen(&self) -> &[String] {
        &self.seen
    }

    /// Waits until it ends by itself: its exit code, and what it wrote to standard error.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("ours") {
                break status;
            }
            assert!(Instant::now() < deadline, "it goes on: {:?}", self.lines.try_iter().last());
            std::thread::sleep(Duration::from_millis(20));
        };
        let errors = self.errors.take().expect("asked for once");
        (status.code(), errors.join().expect("no panic"))
    }

    /// Kills it, as a crash does.
    ///
    /// # Panics
    /// If it has ended.
    pub fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Ends it; how long that took, and with which code.
    ///
    /// # Panics
    /// If it has ended.
    pub fn end(mut self) -> (Duration, Option<i32>) {
        let begun = Instant::now();
        self.signal("-TERM");
        let status = self.child.wait().expect("ours");
        (begun.elapsed(), status.code())
    }
}

/// A test that fails leaves no controller behind.
impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
