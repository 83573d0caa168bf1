//! One finding.

use serde::Serialize;

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Fine.
    Ok,
    /// Works, less well.
    Warn,
    /// Instances cannot run.
    Fail,
}

impl State {
    /// The word that is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// How good it is.
    pub state: State,
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    /// Fine.
    pub fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { state: State::Ok, what: what.into(), found: found.into(), advice: None }
    }

    /// Not fine.
    pub fn bad(
        state: State,
        what: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { state, what: what.into(), found: found.into(), advice: Some(advice.into()) }
    }
}
