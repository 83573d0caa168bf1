//! Rules about provisioning.

use super::checks::{Checks, PathKind};
use super::findings::Findings;
use crate::Lima;
use crate::lima::{Os, PinnedLocator, Provision, ProvisionMode};

pub(super) fn check(lima: &Lima, checks: &Checks<'_>, findings: &mut Findings) {
    for (index, step) in lima.provision.iter().flatten().enumerate() {
        let path = format!("provision[{index}]");
        let mode = step.mode.unwrap_or(ProvisionMode::System);
        embedded(&path, step.file.as_ref(), findings);
        of_mode(&path, step, mode, lima.os.unwrap_or_default(), findings);
        if matches!(mode, ProvisionMode::Data | ProvisionMode::Yq) {
            check_file(&path, step, mode, findings);
        } else {
            check_script(&path, step, mode, findings);
        }
        playbook(&path, step, mode, checks, findings);
    }
}

/// A file whose text is not here yet.
pub(super) fn embedded(path: &str, file: Option<&PinnedLocator>, findings: &mut Findings) {
    let Some(file) = file else { return };
    if let PinnedLocator::Checked { digest: Some(_), .. } = file {
        let message = "digests of script files are not checked by Lima, which refuses them";
        findings.error(format!("{path}.file"), message, "remove the digest");
    }
    if !file.url().is_empty() {
        let message = format!("the text of {} is not read in", file.url());
        findings.error(format!("{path}.file"), message, "write the text as `script`");
    }
}

fn of_mode(path: &str, step: &Provision, mode: ProvisionMode, os: Os, findings: &mut Findings) {
    if mode != ProvisionMode::Dependency && step.skip_default_dependency_resolution.is_some() {
        findings.error(
            format!("{path}.skipDefaultDependencyResolution"),
            format!("does not go with the mode `{}`", mode.word()),
            "remove it, or write `mode: dependency`",
        );
    }
    let windows_lacks =
        matches!(mode, ProvisionMode::Ansible | ProvisionMode::Boot | ProvisionMode::Yq);
    if os == Os::Windows && windows_lacks {
        let message = format!("Windows guests do not have the mode `{}`", mode.word());
        findings.error(format!("{path}.mode"), message, "use `system`, `user` or `data`");
    }
}

fn check_file(path: &str, step: &Provision, mode: ProvisionMode, findings: &mut Findings) {
    let word = mode.word();
    match step.path.as_deref() {
        None => findings.error(
            path,
            format!("`path` is missing, the file that the mode `{word}` writes"),
            "add `path`, an absolute path in the guest",
        ),
        Some(file) if !file.starts_with('/') => findings.error(
            format!("{path}.path"),
            "must be an absolute path",
            "write for example /etc/… or {{.Home}}/…",
        ),
        Some(_) => {}
    }
    if mode == ProvisionMode::Yq && step.expression.is_none() && step.file.is_none() {
        findings.error(path, "`expression` is missing", "add the expression that edits the file");
    }
    let octal = step
        .permissions
        .as_ref()
        .is_none_or(|text| u32::from_str_radix(text, 8).is_ok_and(|bits| bits <= 0o7777));
    if !octal {
        let hint = "write for example 644, or \"0644\" in quotes";
        findings.error(format!("{path}.permissions"), "must be an octal number", hint);
    }
}

fn check_script(path: &str, step: &Provision, mode: ProvisionMode, findings: &mut Findings) {
    let script = step.script.as_deref().unwrap_or_default();
    if script.is_empty() && mode != ProvisionMode::Ansible && step.file.is_none() {
        let message = format!("`script` is missing, which the mode `{}` runs", mode.word());
        findings.error(path, message, "add `script`, or another `mode`");
    }
    if script.contains("LIMA_CIDATA") {
        let hint = "use template strings such as {{.User}}, or `$PARAM_KEY`";
        let message = "LIMA_CIDATA variables are internal to Lima and may change";
        findings.warning(format!("{path}.script"), message, hint);
    }
    let foreign = [
        ("path", step.path.is_some(), "`mode: data` or `mode: yq`"),
        ("content", step.content.is_some(), "`mode: data`"),
        ("overwrite", step.overwrite.is_some(), "`mode: data`"),
        ("owner", step.owner.is_some(), "`mode: data` or `mode: yq`"),
        ("permissions", step.permissions.is_some(), "`mode: data` or `mode: yq`"),
        ("format", step.format.is_some(), "`mode: yq`"),
        ("expression", step.expression.is_some(), "`mode: yq`"),
    ];
    for (field, _, modes) in foreign.into_iter().filter(|(_, set, _)| *set) {
        findings.error(
            format!("{path}.{field}"),
            format!("does not go with the mode `{}`", mode.word()),
            format!("remove it, or write {modes}"),
        );
    }
}

fn playbook(
    path: &str,
    step: &Provision,
    mode: ProvisionMode,
    checks: &Checks<'_>,
    findings: &mut Findings,
) {
    if mode == ProvisionMode::Ansible {
        let hint = "run `ansible-playbook` yourself when the instance is ready";
        findings.warning(format!("{path}.mode"), "`ansible` is deprecated", hint);
    }
    let Some(playbook) = step.playbook.as_deref().filter(|playbook| !playbook.is_empty()) else {
        return;
    };
    let field = format!("{path}.playbook");
    if mode != ProvisionMode::Ansible {
        let message = format!("does not go with the mode `{}`", mode.word());
        findings.error(field.as_str(), message, "remove it, or write `mode: ansible`");
    }
    if step.script.as_ref().is_some_and(|script| !script.is_empty()) {
        let message = "does not go with a playbook";
        findings.error(format!("{path}.script"), message, "remove one of them");
    }
    if matches!(checks.kind(playbook), PathKind::Missing | PathKind::Inaccessible) {
        findings.error(field, format!("{playbook} cannot be read"), "correct the path");
    }
}
