//! A private home and cache with an engine in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use limekiln_api::{Lima, fill, read_lima};
use limekiln_engine::{ActionContext, Engine, EngineError};
use limekiln_engine_native::images::Images;
use limekiln_engine_native::{NativeConfig, NativeEngine, host_facts};
use limekiln_model::{Action, Name, Progress};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// All in one directory, gone at the end.
pub struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The bytes of the first of these images that can be had.
    pub async fn fetch(&self, images: &str) -> Result<Vec<u8>, EngineError> {
        self.fetch_with(images, &ActionContext::silent()).await
    }

    pub async fn fetch_with(
        &self,
        images: &str,
        context: &ActionContext,
    ) -> Result<Vec<u8>, EngineError> {
        let lima: Lima = read_lima(&format!("images: [{images}]")).expect("YAML");
        // Another one each time, as in another run of the program.
        let fetched =
            Images::new(self.dir.path(), self.dir.path()).fetch(&lima, true, context).await?;
        Ok(std::fs::read(fetched.disk).expect("it was just fetched"))
    }

    /// The cache's entry of a URL, as Lima names it.
    pub fn entry(&self, url: &str) -> PathBuf {
        let hex: String =
            Sha256::digest(url.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        self.dir.path().join("lima/download/by-url-sha256").join(hex)
    }

    /// The cached bytes of any URL, if there are any.
    pub fn cached(&self) -> Option<Vec<u8>> {
        let entries = std::fs::read_dir(self.path("lima/download/by-url-sha256")).ok()?;
        entries.flatten().find_map(|entry| std::fs::read(entry.path().join("data")).ok())
    }

    /// Makes an instance from an image with a disk of this size, and returns its disk's bytes.
    pub async fn create(&self, image: &Path, disk: &str) -> Result<PathBuf, EngineError> {
        let home = self.path("h");
        let facts = host_facts(&home).expect("a home without files");
        let name = Name::new("vm").expect("a name");
        let yaml = format!("disk: {disk}\nimages: [{{location: '{}'}}]\n", image.display());
        let template = read_lima(&yaml).expect("YAML");
        let filled = fill(&template, &name, &facts);
        let engine = NativeEngine::new(NativeConfig {
            facts,
            cache_dir: self.path("cache"),
            agent_exe: "/nonexistent".into(),
            usernet_exe: "/nonexistent".into(),
        });
        let (template, filled) = (Arc::new(template), Arc::new(filled));
        let action = Action::CreateInstance { instance: name, template, filled };
        engine.perform(&action, &ActionContext::silent()).await?;
        Ok(home.join("vm/disk"))
    }

    /// Whether nothing is left of an instance that could not be made.
    pub fn is_clean(&self) -> bool {
        let left = std::fs::read_dir(self.path("h/_limekiln/staging")).into_iter().flatten();
        !self.path("h/vm").exists() && left.count() == 0
    }
}

/// A context that notes all progress.
pub fn noting() -> (ActionContext, Arc<Mutex<Vec<Progress>>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&notes);
    let context = ActionContext::new(CancellationToken::new(), move |progress| {
        sink.lock().expect("no panics").push(progress);
    });
    (context, notes)
}

/// Runs a tool that must succeed; false, and said so, if it is not installed.
pub fn tool(command: &mut Command) -> bool {
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command:?}: {said}");
            true
        }
        Err(_) => {
            println!("SKIPPED: {} is not installed", command.get_program().display());
            false
        }
    }
}

/// `qemu-img create` with these words, which are split at spaces.
pub fn qemu_img_create(words: &str, image: &Path, size: &str) -> bool {
    let mut command = Command::new("qemu-img");
    command.arg("create").args(words.split_whitespace()).arg(image);
    command.args(size.split_whitespace());
    tool(&mut command)
}
