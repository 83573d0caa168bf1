//! A plugin, run to its end or to a deadline.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{self, Bounds};

/// More output is not read; a locator is a line.
const MAX_OUTPUT: usize = 64 << 10;

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With 0.
    Done {
        /// Its standard output.
        out: String,
    },
    /// In any other way.
    Failed {
        /// How.
        status: String,
        /// Its standard error.
        err: String,
    },
    /// Not before the deadline: it was killed, with all that it had started.
    TooSlow,
}

/// Runs a program with one argument, without input.
pub(super) fn run(
    program: &Path,
    argument: &str,
    path: &OsStr,
    timeout: Duration,
) -> io::Result<Ended> {
    let mut command = Command::new(program);
    command.arg(argument).env("PATH", path).stdin(Stdio::null());
    let bounds = Bounds { timeout, out: MAX_OUTPUT, err: MAX_OUTPUT };
    Ok(match process::run(&mut command, bounds, &mut || true)? {
        process::Ended::Exited { status, out, .. } if status.success() => Ended::Done { out },
        process::Ended::Exited { status, err, .. } => {
            Ended::Failed { status: status.to_string(), err }
        }
        process::Ended::TooSlow | process::Ended::Stopped => Ended::TooSlow,
    })
}
