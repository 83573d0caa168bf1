//! `limekiln logs`

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::plain::plain;
use crate::refs::instance;

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Print a log of an instance.
#[derive(Args)]
#[command(after_help = "Example: limekiln logs -f web --of serial")]
pub struct LogsArgs {
    /// The instance
    name: String,
    /// Go on when more is written, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only so many lines from the end
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<usize>,
    /// Which log
    #[arg(long, value_enum, default_value_t, value_name = "LOG")]
    of: Log,
}

/// The logs of an instance.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Log {
    /// What the host agent did, for finding out why something does not work
    #[default]
    Agent,
    /// Its events, as JSON
    Events,
    /// The guest's serial console: firmware, kernel, cloud-init
    Serial,
    /// What QEMU says
    Qemu,
}

impl Log {
    fn file(self) -> &'static str {
        match self {
            Self::Agent => "ha.stderr.log",
            Self::Events => "ha.stdout.log",
            Self::Serial => "serial.log",
            Self::Qemu => "qemu.log",
        }
    }
}

/// Prints it.
///
/// # Errors
/// If there is no such instance, it never ran, or the log cannot be read.
pub fn run(args: &LogsArgs) -> anyhow::Result<Exit> {
    let (app, name) = (App::open()?, instance(&args.name)?);
    app.instance(&name)?;
    let path = app.lima_home().join(name.as_str()).join(args.of.file());
    let mut reader = Tail::new(&path);
    let whole = reader.more()?;
    if whole.is_none() && !args.follow {
        let failure = Failure::new(Exit::Failed, format!("there is no {}", app.short_path(&path)));
        return Err(failure
            .hint(format!("it is written when {name} runs: limekiln start {name}"))
            .into());
    }
    out!("{}", last_lines(&whole.unwrap_or_default(), args.tail));
    // Whoever reads this may end before the log does.
    while args.follow && crate::output::out::failure().is_none() {
        sleep(LOOK);
        if let Some(more) = reader.more()?.filter(|more| !more.is_empty()) {
            out!("{more}");
        }
    }
    Ok(Exit::Done)
}

/// What a log has grown by.
struct Tail {
    path: PathBuf,
    at: Option<(u64, u64)>,
}

impl Tail {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), at: None }
    }

    /// What is new; `None` if there is no such file. One that was replaced or cut is new whole.
    fn more(&mut self) -> std::io::Result<Option<String>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let data = file.metadata()?;
        let known = self.at.filter(|(inode, at)| *inode == data.ino() && *at <= data.len());
        let from = known.map_or(0, |(_, at)| at);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        self.at = Some((data.ino(), from + bytes.len() as u64));
        // A console may send anything, also what would change the terminal.
        Ok(Some(plain(&String::from_utf8_lossy(&bytes))))
    }
}

fn last_lines(text: &str, lines: Option<usize>) -> &str {
    let Some(lines) = lines else { return text };
    let body = text.strip_suffix('\n').unwrap_or(text);
    let start = body.rmatch_indices('\n').nth(lines.saturating_sub(1)).map_or(0, |(at, _)| at + 1);
    if lines == 0 { "" } else { &text[start..] }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_that_grows_or_is_replaced_is_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        let mut tail = Tail::new(&path);
        assert_eq!(tail.more().expect("readable"), None);
        fs::write(&path, "one\n").expect("writable");
        assert_eq!(tail.more().expect("readable").as_deref(), Some("one\n"));
        assert_eq!(tail.more().expect("readable").as_deref(), Some(""));
        fs::write(&path, "one\ntwo\n").expect("writable");
        assert_eq!(tail.more().expect("readable").as_deref(), Some("two\n"));
        fs::write(dir.path().join("new"), "x\n").expect("writable");
        fs::rename(dir.path().join("new"), &path).expect("renamed");
        assert_eq!(tail.more().expect("readable").as_deref(), Some("x\n"));
    }

    #[test]
    fn lines_from_the_end() {
        let text = "a\nb\nc\n";
        for (lines, of) in [(0, ""), (1, "c\n"), (2, "b\nc\n"), (9, text)] {
            assert_eq!(last_lines(text, Some(lines)), of);
        }
        assert_eq!(last_lines("a\nb", Some(1)), "b");
        assert_eq!(last_lines(text, None), text);
    }
}
