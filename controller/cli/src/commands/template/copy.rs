//! `limekiln template copy LOCATOR [FILE]`

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::open::{open, refused};
use crate::compose::App;
use crate::exit::{Exit, Failure};

/// Copy a template. Its locators are made to mean the same from anywhere; all else, comments
/// included, stays as it is.
#[derive(Args)]
pub struct CopyArgs {
    /// Where the template is
    locator: String,
    /// The file to write; standard output unless set
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Change nothing
    #[arg(long)]
    verbatim: bool,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

/// Copies.
///
/// # Errors
/// If there is no template, or the file exists or cannot be written.
pub fn run(args: &CopyArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let opened = open(&app, &app.template_store(), &args.locator)?;
    let text = if args.verbatim {
        opened.bytes
    } else {
        let home = &app.facts().home;
        let text = opened.located.with_absolute_locators(home);
        text.map_err(|found| refused(&args.locator, &found))?.into_bytes()
    };
    if args.file == Path::new("-") {
        std::io::stdout().write_all(&text)?;
    } else {
        write(&args.file, &text, args.force)?;
    }
    Ok(Exit::Done)
}

fn write(path: &Path, text: &[u8], force: bool) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let options = options.write(true);
    let opened = match force {
        true => options.create(true).truncate(true).open(path),
        false => options.create_new(true).open(path),
    };
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let failure = Failure::bad_input(format!("{} exists", path.display()));
            return Err(failure.hint("--force replaces it").into());
        }
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(text).with_context(|| format!("cannot write {}", path.display()))
}
