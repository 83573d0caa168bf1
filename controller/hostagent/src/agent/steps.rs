//! What came of the steps of provisioning, as the guest keeps it.

use std::collections::BTreeSet;

use crate::api::{AgentStatus, Shared, StepStatus};
use crate::ssh::{Session, shell};

/// A guest may write anything.
const MOST: usize = 1024;

/// Asks the guest, and shows it in the status. What cannot be had stays as it was.
pub(super) async fn learn(session: &Session, shared: &Shared) {
    let Ok(output) = session.run("cat /run/limekiln-provision", "").await else { return };
    if output.status.success() {
        let steps = read(&String::from_utf8_lossy(&output.stdout));
        shared.update(|status| {
            let before = status.steps.replace(steps);
            let changed = before.iter().flatten().filter(|step| step.changed);
            mark(status, &changed.map(|step| step.digest.clone()).collect());
        });
    }
}

/// Asks the guest which files of steps somebody has changed, and shows it in the status. What
/// cannot be had stays as it was: a guest that an older host agent started can't tell.
pub(super) async fn look_for_drift(session: &Session, shared: &Shared) {
    let command = shell::as_root("sh /mnt/lima-cidata/drift.sh");
    let Ok(output) = session.run(&command, "").await else { return };
    if output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        let changed = said.lines().filter(|line| is_digest(line)).take(MOST).map(str::to_owned);
        let changed = changed.collect();
        shared.update(|status| mark(status, &changed));
    }
}

fn mark(status: &mut AgentStatus, changed: &BTreeSet<String>) {
    for step in status.steps.iter_mut().flatten() {
        step.changed = changed.contains(&step.digest);
    }
}

/// Lines of `DIGEST CODE NAME SECONDS`; others are left out.
fn read(text: &str) -> Vec<StepStatus> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let digest = words.next().filter(|digest| is_digest(digest))?.to_owned();
        let exit_code = words.next()?.parse().ok()?;
        let at = words.nth(1)?.parse().ok()?;
        Some(StepStatus { digest, exit_code, at, changed: false })
    };
    text.lines().filter_map(line).take(MOST).collect()
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_say_what_is_no_outcome() {
        let digest = "a1".repeat(32);
        let good = format!("{digest} 7 provision.system/00000000 1700000000\n");
        let wrong = format!("{digest} 7 x\nshort 0 x 1\n{digest} many x 1\n\u{1b}[31m\n");
        let step = StepStatus { digest, exit_code: 7, at: 1_700_000_000, changed: false };
        assert_eq!(read(&format!("{wrong}{good}")), [step]);
        assert_eq!(read(&good.repeat(2000)).len(), MOST);
    }
}
