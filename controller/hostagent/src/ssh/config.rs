//! `ssh.config`, for plain `ssh -F`.

use std::fmt::Write;

use super::SshOption;
use crate::files::InstanceFiles;
use crate::{Error, atomic};

/// Writes `ssh.config`, in which the instance is the host `hostname`.
pub(crate) fn write_config(
    files: &InstanceFiles,
    hostname: &str,
    options: &[SshOption],
    port: u16,
) -> Result<(), Error> {
    atomic::write(&files.ssh_config(), render(files, hostname, options, port).as_bytes(), 0o600)
}

fn render(files: &InstanceFiles, hostname: &str, options: &[SshOption], port: u16) -> String {
    let mut text = format!(
        "# How to reach this instance by SSH. Written at every start; changes are lost.\n\
         # In a terminal: ssh -F '{}' {hostname}\n\
         # Or put this into ~/.ssh/config: Include {}\n\
         Host {hostname}\n",
        files.ssh_config().display(),
        files.ssh_config().display(),
    );
    for SshOption { key, value } in options {
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {key} {value}");
    }
    let _ = writeln!(text, "  Hostname 127.0.0.1\n  Port {port}");
    text
}

#[cfg(test)]
mod tests {
    use super::super::SshOption;
    use crate::files::InstanceFiles;

    #[test]
    fn the_text() {
        let option = SshOption { key: "User", value: "lima".to_owned() };
        let files = InstanceFiles::new("/lima/web");
        insta::assert_snapshot!(super::render(&files, "lima-web", &[option], 60022));
    }
}
