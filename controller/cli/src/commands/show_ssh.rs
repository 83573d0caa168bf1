//! `limekiln show-ssh`

use std::fs;

use clap::{Args, ValueEnum};

use crate::commands::ssh;
use crate::compose::App;
use crate::exit::Exit;
use crate::quote::quote;

/// Show how to reach an instance by ssh.
#[derive(Args)]
#[command(after_help = "Example: eval \"$(limekiln show-ssh web)\" uptime")]
pub struct ShowSshArgs {
    /// The instance
    name: String,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t)]
    format: ShowFormat,
}

/// Lima's forms.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ShowFormat {
    /// The whole command
    #[default]
    Cmd,
    /// The command without the host
    Args,
    /// Only the options, one below the other
    Options,
    /// The configuration, for ~/.ssh/config
    Config,
}

/// Prints it.
///
/// # Errors
/// If there is no such instance, or it does not run.
pub fn run(args: &ShowSshArgs) -> anyhow::Result<Exit> {
    let target = ssh::target(&App::open()?, &args.name)?;
    let text = fs::read_to_string(&target.config)?;
    let options = options(&text);
    let flags = || {
        let words =
            options.iter().map(|(key, value)| format!("-o {}", quote(&format!("{key}={value}"))));
        words.collect::<Vec<_>>().join(" ")
    };
    match args.format {
        ShowFormat::Cmd => outln!("ssh {} {}", flags(), target.host),
        ShowFormat::Args => outln!("ssh {}", flags()),
        ShowFormat::Options => options.iter().for_each(|(key, value)| outln!("{key}={value}")),
        ShowFormat::Config => out!("{text}"),
    }
    Ok(Exit::Done)
}

/// What stands below `Host`, with its keys as they are written there.
fn options(config: &str) -> Vec<(&str, &str)> {
    let lines = config.lines().filter(|line| line.starts_with(' '));
    lines.filter_map(|line| line.trim().split_once(' ')).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn options_stand_below_the_host() {
        let config = "# How\nHost lima-web\n  User me\n  IdentityFile \"/a b\"\n";
        assert_eq!(super::options(config), [("User", "me"), ("IdentityFile", "\"/a b\"")]);
    }
}
