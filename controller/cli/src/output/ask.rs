//! Consent.

use std::io::{IsTerminal, Write, stderr, stdin};

use super::fold::{error_width, fold};
use crate::exit::{Exit, Failure};

/// Asks on the terminal; elsewhere it needs `--yes`.
///
/// # Errors
/// [`Exit::NeedsConsent`] if there is nobody to ask, [`Exit::Failed`] if the answer is no.
pub fn consent(yes: bool, question: &str) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let failure = Failure::new(Exit::NeedsConsent, format!("consent is needed: {question}"));
        return Err(failure.hint("run it again with --yes, or on a terminal").into());
    }
    let question = fold(&format!("{question} [y/N]"), 0, error_width());
    anstream::eprint!("{question} ");
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was done").into()),
    }
}
