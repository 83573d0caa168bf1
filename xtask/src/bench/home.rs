//! A private home to measure in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::workspace;

/// A temporary `LIMA_HOME` with a directory of manifests beside it; gone at the end.
pub struct Home {
    dir: TempDir,
}

impl Home {
    /// An empty home. In `/tmp`, because socket paths are short.
    ///
    /// # Errors
    /// It can't be made.
    pub fn new() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("lkb").tempdir_in("/tmp")?;
        fs::create_dir(dir.path().join("m"))?;
        Ok(Self { dir })
    }

    /// Where instances are.
    pub fn lima(&self) -> PathBuf {
        self.dir.path().join("h")
    }

    /// Where manifests are.
    pub fn manifests(&self) -> PathBuf {
        self.dir.path().join("m")
    }

    /// Writes a manifest.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write(&self, name: &str, yaml: &str) -> anyhow::Result<PathBuf> {
        let path = self.manifests().join(name);
        fs::write(&path, yaml)?;
        Ok(path)
    }

    /// limekiln in this home, optimised.
    pub fn limekiln(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(workspace::target().join("release/limekiln"));
        command.args(arguments).env("LIMA_HOME", self.lima());
        command
    }

    /// Runs limekiln; its error output is in the error.
    ///
    /// # Errors
    /// It exits with anything but 0.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let output = self.limekiln(arguments).output().context("cannot run limekiln")?;
        if !output.status.success() {
            bail!(
                "limekiln {} failed:\n{}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output)
    }
}

/// Instances that still run are stopped, so that no VM outlives the measurement.
impl Drop for Home {
    fn drop(&mut self) {
        let names: Vec<String> = fs::read_dir(self.lima())
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| self.lima().join(name).join("ha.pid").exists())
            .collect();
        for name in names {
            if let Err(error) = self.run(&["stop", "--force", &name]) {
                eprintln!("bench: {name} may still run: {error:#}");
            }
        }
    }
}

/// The tiny guest as a template, indented by four.
pub fn tiny_template(guest: &Path) -> String {
    let path = |file: &str| guest.join(file).display().to_string();
    format!(
        "    vmType: qemu\n    arch: x86_64\n    cpus: 1\n    memory: 256MiB\n    disk: 256MiB\n    images:\n    - location: {}\n      arch: x86_64\n      kernel: {{location: {}, cmdline: \"console=ttyS0 quiet no_timer_check\"}}\n      initrd: {{location: {}}}\n",
        path("disk.qcow2"),
        path("vmlinuz"),
        path("initrd"),
    )
}

/// A manifest of one instance.
pub fn instance(name: &str, strategy: &str, template: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n  runStrategy: {strategy}\n  template:\n{template}"
    )
}
