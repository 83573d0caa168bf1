//! Rules about processors, memory, user, SSH and the like.

use super::FieldError;
use super::error::template;
use crate::Lima;
use crate::lima::{Arch, Os};

/// The Lima whose behaviour we follow.
const LIMA_VERSION: [u64; 3] = [2, 2, 0];

/// A guest with less does not get through its boot.
const LEAST_MEMORY: u64 = 64 << 20;

pub(super) fn check(lima: &Lima, errors: &mut Vec<FieldError>) {
    version(lima, errors);
    if lima.cpus.is_some_and(|cpus| !(1..=1024).contains(&cpus.0)) {
        template(errors, "cpus", "must be between 1 and 1024");
    }
    if let Some(memory) = lima.memory.filter(|memory| memory.0 < LEAST_MEMORY) {
        template(
            errors,
            "memory",
            format!("{memory} is too little for a guest, at least 64MiB are needed"),
        );
    }
    if lima.disk.is_some_and(|disk| disk.0 == 0) {
        template(errors, "disk", "must be more than 0");
    }
    user(lima, errors);
    tpm(lima, errors);
    resolver(lima, errors);
    params(lima, errors);
}

fn version(lima: &Lima, errors: &mut Vec<FieldError>) {
    let Some(text) = &lima.minimum_lima_version else { return };
    match triple(text) {
        None => template(
            errors,
            "minimumLimaVersion",
            format!("{text:?} is not a version such as 2.0.0"),
        ),
        Some(wanted) if wanted > LIMA_VERSION => {
            let message = format!("the template needs Lima {text}, and we behave as Lima 2.2.0");
            template(errors, "minimumLimaVersion", message);
        }
        Some(_) => {}
    }
}

fn triple(text: &str) -> Option<[u64; 3]> {
    let core = text.trim_start_matches('v').split('-').next()?;
    let parts: Option<Vec<u64>> = core.split('.').map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

fn user(lima: &Lima, errors: &mut Vec<FieldError>) {
    let Some(user) = &lima.user else { return };
    if user.shell.as_ref().is_some_and(|shell| !shell.starts_with('/')) {
        template(errors, "user.shell", "must be an absolute path");
    }
    if user.home.as_ref().is_some_and(|home| !home.starts_with('/')) {
        template(errors, "user.home", "must be an absolute path");
    }
    if user.name.as_deref() == Some("root") {
        template(errors, "user.name", "the guest's user cannot be root");
    }
    if user.name.as_ref().is_some_and(|name| name.is_empty() || !name.bytes().all(is_name_byte)) {
        template(errors, "user.name", "must be letters, digits, `_`, `-` and `.`");
    }
    if user.uid == Some(0) {
        template(errors, "user.uid", "the guest's user cannot have the id 0");
    }
    if user.passwordless_sudo == Some(false) && lima.plain != Some(true) {
        template(errors, "user.passwordlessSudo", "can be false only with `plain: true`");
    }
    for (field, text) in [("comment", &user.comment), ("home", &user.home), ("shell", &user.shell)]
    {
        if text.as_ref().is_some_and(|text| text.chars().any(|c| c.is_control() || c == ':')) {
            template(errors, &format!("user.{field}"), "cannot contain `:` or control characters");
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn tpm(lima: &Lima, errors: &mut Vec<FieldError>) {
    let possible = matches!(
        lima.arch,
        None | Some(Arch::X86_64 | Arch::Aarch64 | Arch::Armv7l | Arch::Riscv64)
    );
    if lima.tpm == Some(true) && !possible {
        template(errors, "tpm", "this architecture has no TPM in QEMU");
    }
    let windows =
        lima.os == Some(Os::Windows) && !matches!(lima.arch, Some(Arch::X86_64 | Arch::Aarch64));
    if windows {
        template(errors, "arch", "Windows runs on x86_64 and aarch64 only");
    }
}

fn resolver(lima: &Lima, errors: &mut Vec<FieldError>) {
    let enabled = lima.host_resolver.as_ref().and_then(|resolver| resolver.enabled) == Some(true);
    if enabled && lima.dns.as_ref().is_some_and(|dns| !dns.is_empty()) {
        template(
            errors,
            "dns",
            "has no effect while `hostResolver.enabled` is true: set that to false",
        );
    }
}

fn params(lima: &Lima, errors: &mut Vec<FieldError>) {
    for (key, value) in lima.param.iter().flatten() {
        let named = key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named {
            template(
                errors,
                &format!("param.{key}"),
                "a parameter's name is a letter, then letters, digits and `_`",
            );
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            template(
                errors,
                &format!("param.{key}"),
                "a parameter's value cannot contain control characters",
            );
        }
    }
    for key in lima.env.iter().flatten().map(|(key, _)| key) {
        let named =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named {
            template(errors, &format!("env.{key}"), "a variable's name is letters, digits and `_`");
        }
    }
}
