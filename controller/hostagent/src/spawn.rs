//! Starting a host agent that outlives whoever started it.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{HostAgentArgs, files::InstanceFiles};

/// The command that starts `exe hostagent`, followed by [`HostAgentArgs::to_words`], in a process group of its own, with
/// Lima's log files as output. They are replaced, unless a running VM is adopted; so the caller
/// has made sure that no host agent writes to them.
///
/// # Errors
/// A log file can't be opened.
pub fn command(exe: &Path, args: &HostAgentArgs) -> io::Result<Command> {
    let files = InstanceFiles::new(&args.instance_dir);
    let open = |path| {
        // Append: the file may be emptied or read while we write.
        if !args.adopt {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        OpenOptions::new().create(true).append(true).open(path)
    };
    let mut command = Command::new(exe);
    command.arg("hostagent").args(args.to_words());
    command.stdin(Stdio::null()).stdout(open(files.events())?).stderr(open(files.log())?);
    // A signal from the terminal, such as Ctrl-C, goes to the whole foreground group.
    command.process_group(0);
    Ok(command)
}
