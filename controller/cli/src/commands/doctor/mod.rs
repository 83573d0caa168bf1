//! `limekiln doctor`

mod accelerator;
mod check;
mod home;
mod programs;

use clap::Args;

use check::{Check, State};

use crate::compose::App;
use crate::exit::Exit;
use crate::output::fold::{self, fold};
use crate::output::format::{Format, print_data};
use crate::output::style::{DIM, Styled, of_word};
use crate::output::words::count as count_of;

/// Check this host: programs, accelerator, firmware, home, space.
#[derive(Args)]
pub struct DoctorArgs {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints each finding, and what to do about those that are not fine.
///
/// # Errors
/// If there is no home directory.
pub fn run(args: &DoctorArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let mut checks = programs::checks(app.facts());
    checks.extend(accelerator::checks(app.facts()));
    checks.extend(home::checks(app.facts()));
    if !print_data(args.output, &checks)? {
        print(&checks);
    }
    let failed = checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn print(checks: &[Check]) {
    let width = checks.iter().map(|check| check.what.chars().count()).max().unwrap_or_default();
    let terminal = fold::width();
    for check in checks {
        let word = check.state.word();
        let state = Styled(of_word(word), &format!("{word:4}")).to_string();
        let found = format!("{state}  {:width$}  {}", check.what, check.found);
        outln!("{}", fold(&found, width + 8, terminal));
        if let Some(advice) = &check.advice {
            let advice = format!("{:1$}{2}", "", width + 8, Styled(DIM, &format!("→ {advice}")));
            outln!("{}", fold(&advice, width + 10, terminal));
        }
    }
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    match (count(State::Fail), count(State::Warn)) {
        (0, 0) => outln!("\nAll is well."),
        (0, warnings) => outln!("\nInstances can run; {}.", count_of(warnings, "warning")),
        (failures, _) => {
            outln!("\nInstances cannot run: {} to mend first.", count_of(failures, "failure"));
        }
    }
}
