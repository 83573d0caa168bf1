//! Why an expression can't be used.

/// Why an expression can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum YqError {
    /// It is no expression: what it lacks and where, or may not do.
    #[error("the expression {0}")]
    Syntax(String),
    /// It uses what is not known here.
    #[error("the expression uses {0}, which is not known here")]
    Unknown(String),
    /// It does not go with what the file holds.
    #[error("the expression fails: {0}")]
    Fails(String),
    /// It gives nothing to write.
    #[error("the expression gives nothing")]
    Nothing,
    /// The file is not of its format.
    #[error("the file is no {format}: {reason}")]
    Read {
        /// The format's name.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The result cannot be written in the format.
    #[error("the result cannot be written as {format}: {reason}")]
    Write {
        /// The format's name.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// There is no such format.
    #[error("the format {0:?} is not known: use yaml, json, toml or ini")]
    Format(String),
}
