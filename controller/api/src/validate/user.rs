//! Rules about the guest's user.

use super::findings::Findings;
use crate::Lima;
use crate::lima::{Os, User};

/// Shells that Lima's agent starts in a Windows guest.
const WINDOWS_SHELLS: [&str; 3] = ["cmd.exe", "powershell.exe", "pwsh.exe"];

pub(super) fn check(lima: &Lima, findings: &mut Findings) {
    let Some(user) = &lima.user else { return };
    let os = lima.os.unwrap_or_default();
    shell(user, os, findings);
    identity(user, findings);
    sudo(lima, user, os, findings);
    for (field, text) in [("comment", &user.comment), ("home", &user.home), ("shell", &user.shell)]
    {
        let separates = |c: char| c.is_control() || (c == ':' && os != Os::Windows);
        if text.as_ref().is_some_and(|text| text.contains(separates)) {
            let message = "cannot contain `:` or control characters";
            findings.error(format!("user.{field}"), message, "remove them");
        }
    }
}

fn shell(user: &User, os: Os, findings: &mut Findings) {
    let Some(shell) = &user.shell else { return };
    if os == Os::Windows {
        let program = shell.rsplit(['/', '\\']).next().unwrap_or_default();
        if !WINDOWS_SHELLS.iter().any(|known| known.eq_ignore_ascii_case(program)) {
            let hint = format!("write one of {}", WINDOWS_SHELLS.join(", "));
            findings.error("user.shell", format!("{shell} is no shell of Windows"), hint);
        }
    } else if !shell.starts_with('/') {
        let hint = format!("write for example /bin/{}", shell.rsplit('/').next().unwrap_or("bash"));
        findings.error("user.shell", "must be an absolute path", hint);
    }
}

fn identity(user: &User, findings: &mut Findings) {
    if user.home.as_ref().is_some_and(|home| !home.starts_with('/')) {
        findings.error(
            "user.home",
            "must be an absolute path",
            "write for example /home/{{.User}}; `~` is not expanded here",
        );
    }
    match user.name.as_deref() {
        Some("root") => findings.error(
            "user.name",
            "the guest's user cannot be root",
            "choose another name; `sudo` asks for no password",
        ),
        Some(name) if name.is_empty() || !name.bytes().all(is_name_byte) => findings.error(
            "user.name",
            "must be letters, digits, `_`, `-` and `.`",
            "leave it out to get the host user's name, or `lima`",
        ),
        _ => {}
    }
    if user.uid == Some(0) {
        findings.error("user.uid", "the guest's user cannot have the id 0", "write 1000 or more");
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn sudo(lima: &Lima, user: &User, os: Os, findings: &mut Findings) {
    const FIELD: &str = "user.passwordlessSudo";
    let Some(without_password) = user.passwordless_sudo else { return };
    if os == Os::Darwin {
        if without_password {
            findings.error(FIELD, "cannot be true in a macOS guest", "leave it out");
        }
    } else if !without_password && lima.plain != Some(true) {
        let hint = "add `plain: true`, or leave it out";
        findings.error(FIELD, "can be false only in plain mode", hint);
    }
    if !without_password && lima.vm_type.as_deref() == Some("wsl2") {
        findings.error(FIELD, "cannot be false with the driver wsl2", "leave it out");
    }
}
