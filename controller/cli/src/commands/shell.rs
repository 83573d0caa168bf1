//! `limekiln shell NAME [COMMAND…]`

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;

use crate::commands::ssh;
use crate::compose::App;
use crate::exit::Exit;
use crate::quote::quote;

/// Open a shell in an instance, or run a command there.
#[derive(Args)]
#[command(after_help = "Example: limekiln shell web -- uname -a")]
pub struct ShellArgs {
    /// The instance
    name: String,
    /// The command and its arguments; a login shell without one
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// The directory in the guest
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,
    /// The shell, instead of the user's own
    #[arg(long, value_name = "PATH")]
    shell: Option<String>,
}

/// Becomes ssh, whose exit code is the command's.
///
/// # Errors
/// If the instance does not run or ssh cannot be started.
pub fn run(args: &ShellArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let target = ssh::target(&app, &args.name)?;
    let mut command = Command::new("ssh");
    command.arg("-F").arg(&target.config);
    command.arg(if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        "-t"
    } else {
        "-T"
    });
    command.args(["-q", &target.host, "--", &remote(args)]);
    let error = command.exec();
    Err(anyhow::Error::new(error).context("cannot start ssh"))
}

/// What the guest's shell is to run.
fn remote(args: &ShellArgs) -> String {
    let shell = args.shell.as_deref().map_or_else(|| "\"$SHELL\"".to_owned(), quote);
    let go =
        args.workdir.as_deref().map(|dir| format!("cd {} && ", quote(dir))).unwrap_or_default();
    match args.command.as_slice() {
        [] => format!("{go}exec {shell} -l"),
        words => {
            let line: Vec<_> = words.iter().map(|word| quote(word)).collect();
            format!("{go}exec {shell} -l -c {}", quote(&line.join(" ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(command: &[&str], workdir: Option<&str>) -> ShellArgs {
        ShellArgs {
            name: "web".into(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            workdir: workdir.map(str::to_owned),
            shell: None,
        }
    }

    #[test]
    fn words_survive_two_shells() {
        assert_eq!(remote(&args(&[], None)), r#"exec "$SHELL" -l"#);
        assert_eq!(
            remote(&args(&["echo", "a b"], Some("/x y"))),
            r#"cd '/x y' && exec "$SHELL" -l -c 'echo '\''a b'\'''"#
        );
    }
}
