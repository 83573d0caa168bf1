//! Rules about provisioning and probes.

use super::FieldError;
use super::error::template;
use crate::Lima;
use crate::lima::{Provision, ProvisionMode};

pub(super) fn check(lima: &Lima, errors: &mut Vec<FieldError>) {
    for (index, step) in lima.provision.iter().flatten().enumerate() {
        check_step(&format!("provision[{index}]"), step, errors);
    }
    for (index, probe) in lima.probes.iter().flatten().enumerate() {
        let path = format!("probes[{index}].script");
        match &probe.script {
            None => template(errors, &path, "a probe needs a script"),
            Some(script) if !script.starts_with("#!") => {
                template(errors, &path, "must start with `#!`");
            }
            Some(_) => {}
        }
    }
}

fn check_step(path: &str, step: &Provision, errors: &mut Vec<FieldError>) {
    let mode = step.mode.unwrap_or(ProvisionMode::System);
    let is_file = matches!(mode, ProvisionMode::Data | ProvisionMode::Yq);
    if is_file {
        check_file(path, step, mode, errors);
    } else {
        check_script(path, step, mode, errors);
    }
    if mode != ProvisionMode::Dependency && step.skip_default_dependency_resolution.is_some() {
        template(
            errors,
            &format!("{path}.skipDefaultDependencyResolution"),
            "belongs to the mode `dependency`",
        );
    }
    if step.playbook.is_some() && mode != ProvisionMode::Ansible {
        template(errors, &format!("{path}.playbook"), "belongs to the mode `ansible`");
    }
}

fn check_file(path: &str, step: &Provision, mode: ProvisionMode, errors: &mut Vec<FieldError>) {
    match &step.path {
        None => template(errors, path, "`path` is missing: the file to write"),
        Some(file) if !file.starts_with('/') => {
            template(errors, &format!("{path}.path"), "must be an absolute path");
        }
        Some(_) => {}
    }
    if mode == ProvisionMode::Data && step.content.is_none() {
        template(errors, path, "`content` is missing");
    }
    if mode == ProvisionMode::Yq && step.expression.is_none() {
        template(errors, path, "`expression` is missing");
    }
    let octal = step
        .permissions
        .as_ref()
        .is_none_or(|text| u32::from_str_radix(text, 8).is_ok_and(|bits| bits <= 0o7777));
    if !octal {
        template(errors, &format!("{path}.permissions"), "must be an octal number such as 644");
    }
}

fn check_script(path: &str, step: &Provision, mode: ProvisionMode, errors: &mut Vec<FieldError>) {
    let empty = step.script.as_ref().is_none_or(|script| script.trim().is_empty());
    if empty && mode != ProvisionMode::Ansible {
        template(errors, path, "`script` is missing");
    }
    let foreign = [
        ("path", step.path.is_some()),
        ("content", step.content.is_some()),
        ("overwrite", step.overwrite.is_some()),
        ("owner", step.owner.is_some()),
        ("permissions", step.permissions.is_some()),
        ("format", step.format.is_some()),
        ("expression", step.expression.is_some()),
    ];
    for (field, _) in foreign.into_iter().filter(|(_, set)| *set) {
        template(errors, &format!("{path}.{field}"), "belongs to the modes `data` and `yq`");
    }
}
