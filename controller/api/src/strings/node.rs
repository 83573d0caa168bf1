//! The parts of a template.

use std::borrow::Cow;

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node<'a> {
    /// Text as it is.
    Text(&'a str),
    /// A value to print.
    Print(Pipe<'a>),
    /// The first branch whose condition is true, else the last part.
    If {
        /// Conditions and what they guard.
        branches: Vec<(Pipe<'a>, Vec<Node<'a>>)>,
        /// What is printed when none is true.
        otherwise: Vec<Node<'a>>,
    },
}

/// Commands; each gets the result of the one before it as its last argument.
#[derive(Debug)]
pub(super) struct Pipe<'a>(pub(super) Vec<Command<'a>>);

/// A function with arguments, or one value.
#[derive(Debug)]
pub(super) struct Command<'a> {
    pub(super) function: Option<&'a str>,
    pub(super) arguments: Vec<Operand<'a>>,
}

/// What a command works on.
#[derive(Debug)]
pub(super) enum Operand<'a> {
    /// `.A.B` as its names.
    Field(Vec<&'a str>),
    /// A text in quotes.
    Text(Cow<'a, str>),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A pipe in parentheses.
    Inner(Pipe<'a>),
    /// Something that is not expanded.
    Beyond,
}

/// Why a text is not expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no template for Go either.
    Malformed(String),
    /// Go's text/template has it and we do not.
    Beyond(String),
}

impl Fault {
    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }

    pub(super) fn beyond(what: &str) -> Self {
        Self::Beyond(what.to_owned())
    }
}

/// Calls `visit` with every field, and whether it stands in the condition of an `if`.
pub(super) fn fields<'n, 'a>(nodes: &'n [Node<'a>], visit: &mut impl FnMut(&'n [&'a str], bool)) {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Print(pipe) => pipe_fields(pipe, false, visit),
            Node::If { branches, otherwise } => {
                for (condition, inside) in branches {
                    pipe_fields(condition, true, visit);
                    fields(inside, visit);
                }
                fields(otherwise, visit);
            }
        }
    }
}

fn pipe_fields<'n, 'a>(
    pipe: &'n Pipe<'a>,
    in_condition: bool,
    visit: &mut impl FnMut(&'n [&'a str], bool),
) {
    for operand in pipe.0.iter().flat_map(|command| &command.arguments) {
        match operand {
            Operand::Field(names) => visit(names, in_condition),
            Operand::Inner(inner) => pipe_fields(inner, in_condition, visit),
            _ => {}
        }
    }
}
