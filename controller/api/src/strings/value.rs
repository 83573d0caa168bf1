//! Values while a template is printed.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::node::Fault;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    Bool(bool),
    /// What a name that does not exist stands for.
    Missing,
}

impl Value<'_> {
    /// Whether an `if` takes it for true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0,
            Self::Bool(flag) => *flag,
            Self::Missing => false,
        }
    }

    /// Which is smaller; Go compares only values of one type.
    pub(super) fn compare(&self, other: &Self) -> Result<Ordering, Fault> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Ok(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => Ok(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Ok(a.cmp(b)),
            _ => Err(Fault::malformed("values of different types are compared")),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Bool(flag) => flag.fmt(f),
            Self::Missing => f.write_str("<no value>"),
        }
    }
}
