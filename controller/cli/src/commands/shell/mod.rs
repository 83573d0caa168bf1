//! `limekiln shell NAME [COMMAND…]`

mod environment;
mod remote;

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;

use clap::Args;
use limekiln_api::Lima;

use crate::commands::{by_hand, ssh};
use crate::compose::App;
use crate::exit::Exit;
use environment::Preserved;
use remote::Remote;

/// Open a shell in an instance, or run a command there.
///
/// It begins in the directory that you are in, if that is mounted.
#[derive(Args)]
#[command(after_help = "Example: limekiln shell web -- uname -a")]
pub struct ShellArgs {
    /// The instance
    name: String,
    /// The command and its arguments; a login shell without one
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// The directory in the guest
    #[arg(long, value_name = "DIR", env = "LIMA_WORKDIR")]
    workdir: Option<String>,
    /// The shell, instead of the user's own
    #[arg(long, value_name = "PATH", env = "LIMA_SHELL")]
    shell: Option<String>,
    /// Take this host's variables along, but for those of `LIMA_SHELLENV_BLOCK`
    #[arg(long)]
    preserve_env: bool,
    /// Start the instance if it does not run
    #[arg(long)]
    start: bool,
    /// Log in anew, for groups and limits that changed
    #[arg(long)]
    reconnect: bool,
}

/// Becomes ssh, whose exit code is the command's.
///
/// # Errors
/// If the instance does not run or ssh cannot be started.
pub fn run(args: &ShellArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let target = match ssh::target(&app, &args.name) {
        Err(_) if args.start => {
            let started = by_hand::start(&args.name)?;
            if started != Exit::Done {
                return Ok(started);
            }
            ssh::target(&app, &args.name)?
        }
        target => target?,
    };
    if args.reconnect {
        // It is no error that nobody is logged in.
        let _ = ssh::command()?
            .arg("-F")
            .arg(&target.config)
            .args(["-q", "-O", "exit", &target.host])
            .stderr(std::process::Stdio::null())
            .status();
    }
    let lima = app.instance(&target.name)?;
    let mut command = ssh::command()?;
    command.arg("-F").arg(&target.config).arg(if std::io::stdout().is_terminal() {
        "-t"
    } else {
        "-T"
    });
    if std::env::var_os("COLORTERM").is_some() {
        command.args(["-o", "SendEnv=COLORTERM"]);
    }
    command.args(["-q", &target.host, "--", &line(&app, args, &lima)?]);
    let error = command.exec();
    Err(anyhow::Error::new(error).context("cannot start ssh"))
}

fn line(app: &App, args: &ShellArgs, lima: &Lima) -> anyhow::Result<String> {
    let environment = if args.preserve_env { preserved()? } else { Vec::new() };
    let own = lima.user.as_ref().and_then(|user| user.shell.as_deref());
    let remote = Remote {
        workdir: args.workdir.as_deref().filter(|dir| !dir.is_empty()),
        shell: args.shell.as_deref().or(own).unwrap_or_default(),
        environment: &environment,
        command: &args.command,
    };
    let here = std::env::current_dir().ok();
    let home = &app.facts().home;
    let home = home.canonicalize().unwrap_or_else(|_| home.clone());
    Ok(remote.line(lima, here.as_deref(), &home))
}

fn preserved() -> anyhow::Result<Vec<(String, String)>> {
    let list = |name| std::env::var(name).unwrap_or_default();
    let preserved = Preserved::new(&list("LIMA_SHELLENV_ALLOW"), &list("LIMA_SHELLENV_BLOCK"))?;
    // What is no text cannot be written into a command line.
    let texts = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    Ok(texts.filter(|(key, _)| preserved.has(key)).collect())
}
