//! A private home.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use crate::{Outcome, bounded};

/// The longest that one command may take: a full guest's first boot on a busy host is slow.
const LONGEST: Duration = Duration::from_secs(900);

/// What VMs of other homes found out of this host: a guest that hangs under an accelerator takes
/// seconds, and a processor, from all that run beside it.
static FOUND_OUT: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// A temporary `LIMA_HOME` with a directory of manifests beside it. VMs that still run when it is
/// dropped are stopped by force.
pub struct Home {
    dir: TempDir,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty home. It lies in `/tmp` because socket paths are short.
    ///
    /// # Panics
    /// If `/tmp` cannot be written.
    pub fn new() -> Self {
        let dir =
            tempfile::Builder::new().prefix("lkt").tempdir_in("/tmp").expect("/tmp can be written");
        fs::create_dir(dir.path().join("m")).expect("a new directory is writable");
        let home = Self { dir };
        if let Some(found) = FOUND_OUT.lock().expect("no test panics within").as_ref() {
            let file = home.host_file();
            fs::create_dir_all(file.parent().expect("it is in a directory")).expect("writable");
            fs::write(file, found).expect("a new directory is writable");
        }
        home
    }

    /// A home whose first VM finds out anew which accelerator works.
    pub fn that_knows_no_host() -> Self {
        let home = Self::new();
        // There may be none.
        let _ = fs::remove_file(home.host_file());
        home
    }

    fn host_file(&self) -> PathBuf {
        self.lima().join("_limekiln/host.json")
    }

    /// `LIMA_HOME`; it does not exist at first, or holds no more than what is known of this host.
    pub fn lima(&self) -> PathBuf {
        self.dir.path().join("h")
    }

    /// The directory of an instance.
    pub fn instance(&self, name: &str) -> PathBuf {
        self.lima().join(name)
    }

    /// The directory of manifests.
    pub fn manifests(&self) -> PathBuf {
        self.dir.path().join("m")
    }

    /// Writes a manifest, replacing the file as an editor does.
    ///
    /// # Panics
    /// If the disk is full.
    pub fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.manifests().join(file);
        fs::write(&path, text).expect("a new directory is writable");
        path
    }

    /// An empty raw image of one MiB, from which instances can be made that never start.
    ///
    /// # Panics
    /// If the disk is full.
    pub fn blank_image(&self) -> PathBuf {
        let path = self.dir.path().join("blank.raw");
        let file = fs::File::create(&path).expect("a new directory is writable");
        file.set_len(1 << 20).expect("sparse files are possible");
        path
    }

    /// The program under test, in this home, with its input closed.
    ///
    /// # Panics
    /// If the program was not built.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env("LIMA_HOME", self.lima())
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"));
        command
            .env_remove("NO_COLOR")
            .env_remove("LIMA_TEMPLATES_PATH")
            .env("COLUMNS", "80")
            .stdin(Stdio::null())
            .current_dir(self.dir.path());
        command
    }

    /// Runs the program; words are split at spaces, `{m}` is the manifests' directory.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn run(&self, line: &str) -> Outcome {
        let words: Vec<String> = line
            .split(' ')
            .map(|word| word.replace("{m}", &self.manifests().display().to_string()))
            .collect();
        self.call(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs the program with these words. One that takes longer than any boot does is killed, and
    /// its code is -1: a test fails then, and does not hang.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn call(&self, words: &[&str]) -> Outcome {
        bounded::output(&mut self.command(words), LONGEST).into()
    }

    /// The text with this home's paths replaced, for snapshots.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.dir.path().display().to_string(), "[home]")
    }
}

/// `$LIMEKILN_BIN`, or the program that was built last beside the test.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("LIMEKILN_BIN") {
        return program.into();
    }
    let test = std::env::current_exe().expect("a test knows its program");
    let built = test.ancestors().nth(2).unwrap_or(Path::new(".")).join("limekiln");
    assert!(
        built.exists(),
        "{} is missing: run `cargo build -p limekiln-cli`, or `cargo xtask test`",
        built.display()
    );
    built
}

impl Drop for Home {
    fn drop(&mut self) {
        if let (Ok(found), Ok(mut known)) = (fs::read(self.host_file()), FOUND_OUT.lock()) {
            *known = Some(found);
        }
        let entries = fs::read_dir(self.lima()).into_iter().flatten().flatten();
        let running = entries.filter(|entry| {
            entry.path().join("ha.pid").exists() || entry.path().join("qemu.pid").exists()
        });
        for name in running.filter_map(|entry| entry.file_name().into_string().ok()) {
            if std::thread::panicking() {
                show_end(&self.instance(&name).join("ha.stderr.log"));
                show_end(&self.instance(&name).join("serial.log"));
            }
            let outcome = self.run(&format!("stop --force {name}"));
            if outcome.code != 0 {
                eprintln!("{name} may still run: {}", outcome.err);
            }
        }
    }
}

/// Prints the last lines of a log, for whoever reads no more of a test than its output.
fn show_end(log: &Path) {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    println!("--- {}", log.display());
    lines[lines.len().saturating_sub(15)..].iter().for_each(|line| println!("{line}"));
}
