//! Lima's template strings: `{{.Name}}`, `{{.Param.KEY}}`, `{{if .Param.KEY}}…{{end}}`.
//!
//! Lima hands texts to Go's text/template. This is the part of its language that works on plain
//! values: fields, literals, trim markers, comments, parentheses and pipes, `if`, `else` and
//! `end`, and the functions `and`, `or`, `not`, `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `len`,
//! `print` and `println`. Reading, checking and printing take time linear in the text, and what
//! is nested too deeply is refused.
//!
//! A text that is no template stays as it is, with a warning: so does Lima, and scripts that hold
//! `{{` for other programs depend on it. Where Lima puts `<no value>` or nothing for a name that
//! does not exist, we say so instead.

mod expand;
mod lex;
mod listing;
mod node;
mod param_use;
mod parse;
mod render;
#[cfg(test)]
mod tests;
mod value;
mod variables;

pub(crate) use expand::{Expansion, Problem, check_message, expand};
pub use listing::Listed;
pub(crate) use param_use::ParamUse;
pub(crate) use variables::{GuestVariables, HostVariables};
