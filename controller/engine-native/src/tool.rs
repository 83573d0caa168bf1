//! qemu-img.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

use limekiln_engine::EngineError;

/// Runs `qemu-img` with these arguments.
pub(crate) fn qemu_img<I, S>(arguments: I) -> Result<(), EngineError>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let output = Command::new("qemu-img")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(cannot_start)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said
        .lines()
        .last()
        .unwrap_or("it said nothing")
        .trim_start_matches("qemu-img: ")
        .to_owned();
    let error = if said.contains("No space left") {
        EngineError::needs_human(format!("qemu-img failed: {said}"))
            .hint("free some space, then apply again")
    } else {
        EngineError::permanent(format!("qemu-img failed: {said}"))
    };
    Err(error)
}

/// For `map_err` of its start.
pub(crate) fn cannot_start(error: io::Error) -> EngineError {
    match error.kind() {
        io::ErrorKind::NotFound => EngineError::needs_human("qemu-img is not installed").hint(
            "install the package qemu-utils (Debian, Ubuntu), qemu-img (Fedora) or qemu (Homebrew)",
        ),
        _ => EngineError::permanent("cannot start qemu-img").because(error),
    }
}
