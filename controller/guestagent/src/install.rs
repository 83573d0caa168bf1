//! Making systemd run the agent.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{DaemonArgs, Error};

/// The name of Lima's unit: one agent replaces the other.
const UNIT: &str = "lima-guestagent.service";
const FOLDER: &str = "/etc/systemd/system";

/// Writes the unit, and starts it, or starts it again.
///
/// # Errors
/// The unit can't be written, or systemd refuses.
pub(crate) fn systemd(args: &DaemonArgs) -> Result<(), Error> {
    let program = env::current_exe().map_err(Error::file("find", Path::new("this program")))?;
    let path = Path::new(FOLDER).join(UNIT);
    let text = unit(&program, args);
    fs::write(&path, text).map_err(Error::file("write", &path))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "--quiet", UNIT])?;
    systemctl(&["restart", UNIT])
}

/// The kernel shall spare it when memory runs out: without it nothing is forwarded.
fn unit(program: &Path, args: &DaemonArgs) -> String {
    let words: Vec<String> = args.to_words().iter().map(|word| quoted(word)).collect();
    format!(
        "[Unit]\nDescription=Guest agent of Lima and Limekiln\n\n\
         [Service]\nExecStart={} {}\nRestart=always\nRestartSec=1\nOOMScoreAdjust=-500\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        quoted(&program.to_string_lossy()),
        words.join(" "),
    )
}

/// As systemd reads words: `%` and `$` would be replaced.
fn quoted(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('%', "%%").replace('$', "$$"))
}

fn systemctl(words: &[&str]) -> Result<(), Error> {
    let program = || format!("systemctl {}", words.join(" "));
    let failed = |reason: String| Error::Program { program: program(), reason };
    let output = Command::new("systemctl").args(words).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        let args = DaemonArgs { socket: "/run/a b%$\".sock".into(), ..DaemonArgs::default() };
        let text = unit(Path::new("/usr/local/bin/lima-guestagent"), &args);
        assert!(
            text.contains(r#"ExecStart="/usr/local/bin/lima-guestagent" "daemon" "--socket" "/run/a b%%$$\".sock" "#),
            "{text}"
        );
    }
}
