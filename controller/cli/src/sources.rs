//! `-f`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use limekiln_reconciler::{Input, Loaded, ReadOptions};

use crate::compose::{App, told};
use crate::exit::Failure;
use crate::quote::quote;

/// Where manifests come from.
#[derive(Args)]
pub struct SourceArgs {
    /// A file or directory of manifests; `-` is standard input
    #[arg(short, long = "filename", value_name = "FILE")]
    filename: Vec<PathBuf>,
    /// Read directories below directories, too
    #[arg(short = 'R', long)]
    recursive: bool,
}

impl SourceArgs {
    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.filename.is_empty()
    }

    /// The same words again, for the command that one would want next.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for path in &self.filename {
            words += &format!(" -f {}", quote(&path.display().to_string()));
        }
        words + if self.recursive { " -R" } else { "" }
    }

    /// Reads and checks all manifests, and prints what is wrong with them.
    ///
    /// # Errors
    /// If nothing was named, or an input cannot be read whole.
    pub fn load(&self, app: &App) -> anyhow::Result<Loaded> {
        if self.is_empty() {
            let failure = Failure::bad_input("no manifests were named");
            return Err(failure.hint("name a file or a directory: -f manifests/quickstart").into());
        }
        let options = ReadOptions { recursive: self.recursive, ..ReadOptions::default() };
        let loaded = app.reconciler.load(&self.inputs()?, &options).map_err(told)?;
        for diagnostic in &loaded.diagnostics {
            errln!("{}\n", crate::output::diagnostic::styled(diagnostic));
        }
        Ok(loaded)
    }

    fn inputs(&self) -> anyhow::Result<Vec<Input>> {
        self.filename.iter().map(|path| input(path)).collect()
    }
}

fn input(path: &Path) -> anyhow::Result<Input> {
    if path != Path::new("-") {
        return Ok(Input::Path(path.to_owned()));
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    Ok(Input::Stdin(bytes))
}
