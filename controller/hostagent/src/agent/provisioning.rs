//! Steps of provisioning that changed while the guest runs.
//!
//! A boot runs all steps, and the guest keeps what came of each by its digest. So a step that changed
//! is one whose digest the guest does not have: it alone is run, by the script of the boot. One that
//! fails is run again when it is asked for again, and those before it are not.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::readiness::printable;
use super::steps as ledger;
use crate::api::{Phase, Shared};
use crate::cidata::{PROVISION, step_variables};
use crate::files::InstanceFiles;
use crate::spec::{Step, filled, steps};
use crate::ssh::{Session, shell};
use crate::{HostAgentArgs, chain};

/// Packages may be installed, on an emulated processor.
const DEADLINE: Duration = Duration::from_secs(60 * 60);

const MAIN: &str = include_str!("scripts/provision.sh");

/// Runs what changed.
pub(super) struct Provisioning {
    pub(super) args: HostAgentArgs,
    pub(super) files: InstanceFiles,
    pub(super) session: Session,
    pub(super) shared: Arc<Shared>,
}

impl Provisioning {
    /// Brings the guest to the steps of `lima.yaml`.
    ///
    /// # Errors
    /// A step must wait for the next boot, or failed, in words.
    pub(super) async fn once(&self) -> Result<(), String> {
        // The boot runs those that it has.
        self.shared.status_is(|status| status.phase != Phase::Booting).await;
        let lima = filled(&self.args, &self.files.lima_yaml()).map_err(|error| chain(&error))?;
        let wanted = steps(&lima).map_err(|error| chain(&error))?;
        let booted =
            self.files.read_booted().ok_or("what the guest was booted with is not known")?;
        let before = steps(&booted).map_err(|error| chain(&error))?;
        let changed = changed(&before, &wanted);
        if let Some((index, step)) = changed.iter().find(|(_, step)| !step.is_live()) {
            return Err(format!("{} runs at boot only", step.name(*index)));
        }
        let ran = if changed.is_empty() { Ok(()) } else { self.run(&changed).await };
        ledger::look_for_drift(&self.session, &self.shared).await;
        ran?;
        let stored = self.files.change_booted(|booted| booted.provision = lima.provision);
        stored.map_err(|error| chain(&error))?;
        self.forget_failures(&before, &wanted);
        Ok(())
    }

    async fn run(&self, changed: &[(usize, &Step)]) -> Result<(), String> {
        let (command, script) = (shell::as_root("sh"), script(changed));
        let run = self.session.run(&command, &script);
        let outcome = timeout(DEADLINE, run).await;
        ledger::learn(&self.session, &self.shared).await;
        match outcome {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => Err(format!(
                "{}; see /var/log/limekiln-provision.log in the guest",
                printable(&output.stderr)
            )),
            Ok(Err(error)) => Err(format!("cannot run ssh: {error}")),
            Err(_) => Err(format!("the steps did not end within {} s", DEADLINE.as_secs())),
        }
    }

    /// What failed at boot and is not wanted any more is no failure of the instance's.
    fn forget_failures(&self, before: &[Step], wanted: &[Step]) {
        let wanted: BTreeSet<_> = wanted.iter().map(Step::digest).collect();
        let gone = before.iter().enumerate().filter(|(_, step)| !wanted.contains(&step.digest()));
        let gone: Vec<_> = gone.map(|(index, step)| format!("{} ", step.name(index))).collect();
        self.shared.update(|status| {
            status.errors.retain(|error| !gone.iter().any(|name| error.starts_with(name)));
            if status.phase == Phase::Degraded && status.errors.is_empty() {
                status.phase = Phase::Running;
            }
        });
    }
}

/// The wanted steps that are not among those before, with their places.
fn changed<'a>(before: &[Step], wanted: &'a [Step]) -> Vec<(usize, &'a Step)> {
    let before: BTreeSet<_> = before.iter().map(Step::digest).collect();
    let wanted = wanted.iter().enumerate();
    wanted.filter(|(_, step)| !before.contains(&step.digest())).collect()
}

/// What the guest's shell reads: the steps as words of it, so that they are data whatever they hold.
fn script(changed: &[(usize, &Step)]) -> String {
    let (mut variables, mut files) = (String::new(), String::new());
    for (index, step) in changed {
        for (key, value) in step_variables(*index, step) {
            // Writing to a string can't fail.
            let _ = writeln!(variables, "LIMA_CIDATA_{key}={}", shell::word(&value));
        }
        let (mode, text) = (step.kind.word(), shell::word(&step.text));
        let file = format!("\"$steps/provision.{mode}/{index:08}\"");
        let _ = writeln!(files, "mkdir -p \"$steps/provision.{mode}\" || return");
        let _ = writeln!(files, "printf %s {text} >{file} && chmod 0700 {file} || return");
    }
    format!("variables() {{\n{variables}}}\nfiles() {{\n{files}}}\nrun() {{\n{PROVISION}}}\n{MAIN}")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::spec::StepKind;

    fn step(text: &str) -> Step {
        Step { kind: StepKind::System, text: text.to_owned() }
    }

    #[test]
    fn a_step_that_moved_did_not_change() {
        let (a, b, c) = (step("a"), step("b"), step("c"));
        let wanted = [b.clone(), c.clone(), a.clone()];
        let found = changed(&[a, b], &wanted);
        assert_eq!(
            found.iter().map(|(index, step)| (*index, step.digest())).collect::<Vec<_>>(),
            [(1, c.digest())]
        );
    }

    /// A guest's directories below one of this host's.
    #[cfg(target_os = "linux")]
    struct Guest(tempfile::TempDir);

    #[cfg(target_os = "linux")]
    impl Guest {
        fn new() -> Self {
            let guest = Self(tempfile::tempdir().expect("a directory"));
            for dir in ["mnt/lima-cidata", "run", "var/lib/limekiln", "var/log", "home"] {
                std::fs::create_dir_all(guest.0.path().join(dir)).expect("writable");
            }
            for name in ["lima.env", "param.env"] {
                guest.write(&format!("mnt/lima-cidata/{name}"), "").expect("writable");
            }
            let drift = include_str!("../cidata/scripts/drift.sh");
            guest.write("mnt/lima-cidata/drift.sh", &guest.here(drift)).expect("writable");
            // As the boot leaves them.
            for name in ["provision", "files"] {
                guest.write(&format!("var/lib/limekiln/{name}"), "").expect("writable");
            }
            guest
        }

        fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
            std::fs::write(self.0.path().join(name), text)
        }

        fn here(&self, script: &str) -> String {
            let root = self.0.path().display();
            let names = ["/mnt/", "/run/", "/var/", "/home/"].into_iter();
            names.fold(script.to_owned(), |text, name| text.replace(name, &format!("{root}{name}")))
        }

        fn sh(&self, script: &str) -> std::process::Output {
            let script = self.here(script);
            Command::new("sh").args(["-c", &script]).output().expect("sh runs")
        }

        /// Which steps' files somebody changed.
        fn drifted(&self) -> String {
            let drift = "sh /mnt/lima-cidata/drift.sh";
            String::from_utf8(self.sh(drift).stdout).expect("digests")
        }
    }

    #[cfg(target_os = "linux")]
    fn file(name: &str) -> Step {
        let me = |word| {
            let id = Command::new("id").arg(word).output().expect("id runs").stdout;
            String::from_utf8(id).expect("a number").trim().to_owned()
        };
        let kind = StepKind::Data {
            path: format!("/home/{name}"),
            owner: format!("{}:{}", me("-u"), me("-g")),
            permissions: "644".to_owned(),
            overwrite: true,
        };
        Step { kind, text: "as wanted".to_owned() }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_somebody_changed_stays_changed_while_another_step_is_tried_again() {
        let guest = Guest::new();
        let (file, fails) = (file("file"), step("#!/bin/sh\n[ -e /home/works ]\n"));
        let text = script(&[(0, &file), (1, &fails)]);
        let first = guest.sh(&text);
        let told = String::from_utf8_lossy(&first.stderr).into_owned();
        assert_eq!(told, "provision.system/00000001 ended with 1\n", "{first:?}");
        assert_eq!(guest.drifted(), "");
        guest.write("home/file", "changed by hand").expect("writable");
        let drifted = format!("{}\n", file.digest());
        assert_eq!(guest.drifted(), drifted);
        for works in [false, true] {
            if works {
                guest.write("home/works", "").expect("writable");
            }
            let again = guest.sh(&text);
            assert_eq!(again.status.success(), works, "{again:?}");
            assert_eq!(guest.drifted(), drifted);
        }
        // One whose sum was lost is watched from now on.
        guest.write("var/lib/limekiln/files", "").expect("writable");
        assert!(guest.sh(&text).status.success());
        assert_eq!(guest.drifted(), "");
        guest.write("home/file", "changed again").expect("writable");
        assert_eq!(guest.drifted(), drifted);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_counts_as_written_though_the_ledger_could_not_be() {
        let guest = Guest::new();
        let ledger = guest.0.path().join("var/lib/limekiln/provision");
        guest
            .write("var/lib/limekiln/provision", "other 0 provision.system/1 1\n")
            .expect("writable");
        // As on a disk that is full.
        std::fs::create_dir(ledger.with_extension("new")).expect("writable");
        let file = file("file");
        guest.sh(&script(&[(0, &file)]));
        let left = std::fs::read_to_string(&ledger).expect("it is there");
        assert_eq!(left, "other 0 provision.system/1 1\n", "nothing is forgotten");
        guest.write("home/file", "changed by hand").expect("writable");
        assert_eq!(guest.drifted(), format!("{}\n", file.digest()));
    }

    #[test]
    fn the_shell_understands_whatever_a_step_holds() {
        use std::io::Write;
        let step = step("#!/bin/sh\necho 'it''s' $(id) `id` \\\n}\nEOF");
        let text = script(&[(7, &step)]);
        let mut sh = Command::new("sh").arg("-n").stdin(Stdio::piped()).spawn().expect("sh runs");
        sh.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
        assert!(sh.wait().expect("it ends").success());
        assert!(text.contains(&format!("LIMA_CIDATA_STEP_00000007_DIGEST='{}'", step.digest())));
    }
}
