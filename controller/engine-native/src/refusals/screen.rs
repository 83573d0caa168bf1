//! `video.display`.

use limekiln_api::{FieldError, Lima};

use super::{Host, name, refused};

const FIELD: &str = "video.display";
/// What opens a window of its own. QEMU takes the first that it has for `default`.
const WINDOWS: [&str; 3] = ["gtk", "sdl", "cocoa"];

/// VNC needs nothing of the host. A window needs a QEMU that has it, and a desktop.
pub(super) fn refusal(lima: &Lima, host: &Host<'_>) -> Option<FieldError> {
    let display = lima.video.as_ref()?.display.as_deref()?;
    let kind = name(display);
    if matches!(kind, "" | "none" | "vnc") {
        return None;
    }
    if kind == "curses" {
        let why = "QEMU has no terminal here: it goes on when the command has ended";
        return Some(refused(FIELD, why, "write `vnc`, or `none` and use `limekiln shell`"));
    }
    let has = |kind: &str| host.qemu.lists(host.arch, "-display", kind);
    // QEMU would open a VNC server without a password.
    let there = if kind == "default" { WINDOWS.into_iter().any(has) } else { has(kind) };
    if !there {
        let why = format!("the QEMU that is installed cannot show a display by `{kind}`");
        let hint = "install its windows (Debian, Ubuntu: qemu-system-gui), or write `vnc`";
        return Some(refused(FIELD, why, hint));
    }
    let window = kind == "default" || WINDOWS.contains(&kind);
    (window && !has_desktop()).then(|| {
        let why =
            "there is no desktop here for a window: neither DISPLAY nor WAYLAND_DISPLAY is set";
        refused(FIELD, why, "run this on a desktop, or write `vnc`")
    })
}

fn has_desktop() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
