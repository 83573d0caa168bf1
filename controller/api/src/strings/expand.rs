//! A text with its fields replaced, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Fault, Node, fields};
use super::parse::{Template, parse};
use super::render::render;
use super::variables::{MESSAGE_NAMES, Variables};
use crate::lima::Text;
use crate::nearest::nearest;

/// Something that is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// There is no such variable.
    Unknown { name: String, nearest: Option<&'static str>, known: &'static [&'static str] },
    /// There is no such parameter.
    UnknownParam { key: String, nearest: Option<String> },
    /// The text stays as it is, for Lima too.
    Raw { why: String },
    /// The text is a message, and Lima calls an instance with such a message broken.
    Broken { why: String },
    /// Lima expands it and we do not.
    Beyond { what: String },
}

/// What became of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expansion {
    /// The text, if it is not the one that was given.
    pub(crate) text: Option<String>,
    /// What is wrong with it.
    pub(crate) problems: Vec<Problem>,
}

impl Expansion {
    /// Whether a parameter is missing. Lima puts nothing in its place, which breaks further rules
    /// that would only confuse.
    pub(crate) fn lacks_param(&self) -> bool {
        self.problems.iter().any(|problem| matches!(problem, Problem::UnknownParam { .. }))
    }
}

/// Replaces the fields of a text.
pub(crate) fn expand(text: &str, variables: &dyn Variables) -> Expansion {
    if !text.contains("{{") {
        return Expansion::default();
    }
    let Template { nodes, beyond } = match parse(text) {
        Ok(template) => template,
        Err(fault) => return Expansion { text: None, problems: vec![fault.into()] },
    };
    let mut problems = unknown(&nodes, variables.names(), variables.params());
    problems.extend(beyond.into_iter().take(MAX_PROBLEMS).map(|what| Problem::Beyond { what }));
    let known = |problem: &Problem| matches!(problem, Problem::UnknownParam { .. });
    if !problems.iter().all(known) {
        return Expansion { text: None, problems };
    }
    let mut out = String::with_capacity(text.len());
    match render(&nodes, variables, &mut out) {
        Ok(()) => Expansion { text: Some(out), problems },
        Err(fault) => {
            problems.push(fault.into());
            Expansion { text: None, problems }
        }
    }
}

/// What is wrong with the text of `message`, whose values are only known when it is shown.
pub(crate) fn check_message(text: &str, params: Option<&BTreeMap<String, Text>>) -> Vec<Problem> {
    match parse(text) {
        Ok(template) => unknown(&template.nodes, &MESSAGE_NAMES, params),
        Err(Fault::Malformed(why)) => vec![Problem::Broken { why }],
        // It is Lima that shows it.
        Err(Fault::Beyond(_)) => Vec::new(),
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(why) => Self::Raw { why },
            Fault::Beyond(what) => Self::Beyond { what },
        }
    }
}

/// Names that do not exist. An `if` may ask for a parameter that is not set.
fn unknown(
    nodes: &[Node<'_>],
    known: &'static [&'static str],
    params: Option<&BTreeMap<String, Text>>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    fields(nodes, &mut |names, in_condition| {
        let is_unknown = match names {
            ["Param", key] => !in_condition && !params.is_some_and(|all| all.contains_key(*key)),
            [name] => !known.contains(name),
            _ => false,
        };
        if is_unknown && problems.len() < MAX_PROBLEMS && seen.insert(names) {
            problems.push(explain(names, known, params));
        }
    });
    problems
}

/// More than these in one text are not worth reading at once.
const MAX_PROBLEMS: usize = 10;

fn explain(
    names: &[&str],
    known: &'static [&'static str],
    params: Option<&BTreeMap<String, Text>>,
) -> Problem {
    let last = names.last().copied().unwrap_or_default();
    if names.len() == 1 {
        let nearest = nearest(last, known.iter().copied());
        return Problem::Unknown { name: last.to_owned(), nearest, known };
    }
    let keys = params.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
    let nearest = nearest(last, keys).map(str::to_owned);
    Problem::UnknownParam { key: last.to_owned(), nearest }
}
