//! How the program ends.

use std::fmt;
use std::process::ExitCode;

/// Exit codes; `docs/errors.md` lists them for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something failed.
    Failed,
    /// `diff --exit-code` found differences.
    Differences,
    /// Arguments or manifests are wrong.
    BadInput,
    /// Consent is needed and there is nobody to ask.
    NeedsConsent,
    /// It took longer than `--timeout`.
    TimedOut,
    /// The code of a program that was run for the user, such as ssh.
    Passed(u8),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differences => 2,
            Self::BadInput => 3,
            Self::NeedsConsent => 4,
            Self::TimedOut => 5,
            Self::Passed(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error with the exit code that it leads to and what the user can do.
///
/// It prints nothing itself: it stands at the end of an error chain, where `main` looks for it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Wrong arguments or manifests.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, message)
    }

    /// A failure with an exit code of its own.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What the user can do.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
