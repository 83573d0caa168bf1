//! What the QEMU that is installed says of itself.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use limekiln_api::Arch;
use limekiln_hostagent::driver::qemu::{program_for, version};

/// How long an answer counts: a QEMU may be installed while a controller runs.
const COUNTS: Duration = Duration::from_secs(60);

/// What the QEMU that is installed says of itself, remembered for a while: a controller with many
/// instances asks often.
#[derive(Debug, Default)]
pub(crate) struct InstalledQemu(Mutex<BTreeMap<(Arch, &'static str), Answer>>);

#[derive(Clone, Debug)]
struct Answer {
    at: Instant,
    text: Option<String>,
}

impl InstalledQemu {
    /// What it prints when asked for a list with `OPTION help`; `None` if it is not there.
    pub(super) fn help(&self, arch: Arch, option: &'static str) -> Option<String> {
        self.ask(arch, option, &["-M", "none", option, "help"])
    }

    /// Its version.
    pub(super) fn version(&self, arch: Arch) -> Option<[u32; 3]> {
        version::parse(&self.ask(arch, "--version", &["--version"])?)
    }

    /// Whether a list that it prints has the word at the beginning of a line, or behind its first
    /// word. True if it cannot be asked: then its start says more.
    pub(super) fn lists(&self, arch: Arch, option: &'static str, word: &str) -> bool {
        let Some(list) = self.help(arch, option) else { return true };
        list.lines().any(|line| line.split_whitespace().take(2).any(|found| found == word))
    }

    fn ask(&self, arch: Arch, key: &'static str, words: &[&str]) -> Option<String> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers.get(&(arch, key)).filter(|answer| answer.at.elapsed() < COUNTS);
        if let Some(answer) = known {
            return answer.text.clone();
        }
        let output = program_for(arch)
            .and_then(|mut program| program.args(words).stdin(Stdio::null()).output());
        let text = output.ok().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let text = text.filter(|text| !text.is_empty());
        answers.insert((arch, key), Answer { at: Instant::now(), text: text.clone() });
        text
    }
}
