//! `limekiln template`

mod copy;
mod embed;
mod fill;
mod list;
mod open;
mod search_path;
mod url;
mod validate;

use clap::{Args, Subcommand};

use crate::exit::Exit;

/// Look at Lima templates: what they build on, and what they mean.
#[derive(Args)]
#[command(
    visible_alias = "tmpl",
    after_help = "LOCATOR is template:NAME, a path, an http(s) URL, github:ORG/REPO/PATH@REF, the address of an image, `-` for standard input, or whatever a limactl-url-SCHEME plugin knows."
)]
pub struct TemplateArgs {
    #[command(subcommand)]
    command: TemplateCommand,
}

#[derive(Subcommand)]
enum TemplateCommand {
    /// Print a template with all that it builds on and all defaults
    Fill(fill::FillArgs),
    /// Print a template with all that it builds on
    Embed(embed::EmbedArgs),
    /// Check templates
    Validate(validate::ValidateArgs),
    /// List the templates that `template:NAME` finds
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Copy a template, with locators that mean the same from anywhere
    #[command(visible_alias = "cp")]
    Copy(copy::CopyArgs),
    /// Print what a locator leads to in the end
    Url(url::UrlArgs),
    /// Print where `template:NAME` is looked for
    SearchPath(search_path::SearchPathArgs),
}

/// Runs the command.
///
/// # Errors
/// As the command says.
pub fn run(args: &TemplateArgs) -> anyhow::Result<Exit> {
    match &args.command {
        TemplateCommand::Fill(args) => fill::run(args),
        TemplateCommand::Embed(args) => embed::run(args),
        TemplateCommand::Validate(args) => validate::run(args),
        TemplateCommand::List(args) => list::run(args),
        TemplateCommand::Copy(args) => copy::run(args),
        TemplateCommand::Url(args) => url::run(args),
        TemplateCommand::SearchPath(args) => search_path::run(args),
    }
}

/// Prints text for programs: a closed pipe is an error that `main` knows.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
