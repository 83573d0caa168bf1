//! Behaviour over time: scripts beside this file, played by the real reconciler on the simulated
//! engine, with real manifest files. A new case is a new text file.
//!
//! `LIMEKILN_SCENARIO=word` plays only scripts whose name contains the word;
//! `LIMEKILN_UPDATE=1` writes the output that they have now into them, to be reviewed with git.

mod commands;
mod controller;
mod faulty;
mod outside;
mod repository;
mod resident;
mod shown;
mod stage;

use std::path::{Path, PathBuf};

use limekiln_testkit::Script;
use similar::TextDiff;

use stage::Stage;

#[test]
fn scripts_print_what_they_say() {
    let update = std::env::var_os("LIMEKILN_UPDATE").is_some();
    let wrong: Vec<String> = scripts().iter().filter_map(|path| play(path, update)).collect();
    assert!(wrong.is_empty(), "\n{}\nif that is right: LIMEKILN_UPDATE=1", wrong.join("\n"));
}

fn scripts() -> Vec<PathBuf> {
    let only = std::env::var("LIMEKILN_SCENARIO").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).expect("the folder of this file");
    let mut scripts: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    scripts.retain(|path| path.to_string_lossy().contains(&only));
    scripts.sort();
    assert!(!scripts.is_empty(), "no script is named like {only:?}");
    scripts
}

/// The difference between what the script says and what happens, if there is one.
fn play(path: &Path, update: bool) -> Option<String> {
    let text = std::fs::read_to_string(path).expect("readable");
    let script = Script::parse(&text);
    let mut stage = Stage::new();
    let output: Vec<_> = script.steps.iter().map(|step| commands::run(&mut stage, step)).collect();
    let now = script.with_output(output).text();
    if now == text {
        return None;
    }
    if update {
        std::fs::write(path, now).expect("writable");
        return None;
    }
    let diff = TextDiff::from_lines(&text, &now);
    Some(diff.unified_diff().header(&path.display().to_string(), "now").to_string())
}
