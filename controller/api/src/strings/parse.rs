//! Tokens to a template.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::lex::{Segment, Token, segments};
use super::node::{Command, Fault, Node, Operand, Pipe};

/// How deeply `if` and parentheses may be nested, so that no text exhausts the stack.
const MAX_DEPTH: usize = 50;

/// Functions that are expanded.
const FUNCTIONS: [&str; 12] =
    ["and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "print", "println"];
/// Functions and actions of text/template that are not.
const OTHERS: [&str; 14] = [
    "printf", "index", "slice", "html", "js", "urlquery", "call", "range", "with", "define",
    "block", "template", "break", "continue",
];

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Vec<Node<'_>>, Fault> {
    let mut parser = Parser { segments: segments(text)?.into_iter().peekable() };
    let (nodes, end) = parser.nodes(0)?;
    match end {
        Stop::Text => Ok(nodes),
        Stop::Else(_) => Err(Fault::malformed("an {{else}} has no {{if}}")),
        Stop::End => Err(Fault::malformed("an {{end}} has no {{if}}")),
    }
}

/// What ended a list of nodes.
enum Stop<'a> {
    Text,
    End,
    /// `else`, and what followed it.
    Else(Vec<Token<'a>>),
}

struct Parser<'a> {
    segments: Peekable<IntoIter<Segment<'a>>>,
}

impl<'a> Parser<'a> {
    fn nodes(&mut self, depth: usize) -> Result<(Vec<Node<'a>>, Stop<'a>), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::beyond("so much nesting"));
        }
        let mut nodes = Vec::new();
        while let Some(segment) = self.segments.next() {
            let tokens = match segment {
                Segment::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Segment::Action(tokens) => tokens,
            };
            let mut tokens = tokens.into_iter();
            let all = tokens.as_slice();
            match all.first() {
                Some(Token::Word("end")) if all.len() == 1 => return Ok((nodes, Stop::End)),
                Some(Token::Word("else")) => {
                    tokens.next();
                    return Ok((nodes, Stop::Else(tokens.collect())));
                }
                Some(Token::Word("if")) => {
                    tokens.next();
                    nodes.push(self.condition(tokens.collect(), depth)?);
                }
                _ => nodes.push(Node::Print(pipe(tokens.collect())?)),
            }
        }
        Ok((nodes, Stop::Text))
    }

    /// From the condition of an `if` to its `end`.
    fn condition(&mut self, tokens: Vec<Token<'a>>, depth: usize) -> Result<Node<'a>, Fault> {
        let mut condition = pipe(tokens)?;
        let mut branches = Vec::new();
        loop {
            let (inside, end) = self.nodes(depth + 1)?;
            branches.push((condition, inside));
            match end {
                Stop::Text => return Err(Fault::malformed("an {{if}} has no {{end}}")),
                Stop::End => return Ok(Node::If { branches, otherwise: Vec::new() }),
                Stop::Else(tokens) => match tokens.split_first() {
                    None => break,
                    Some((Token::Word("if"), rest)) => condition = pipe(rest.to_vec())?,
                    Some(_) => return Err(Fault::malformed("an {{else}} has more than an `if`")),
                },
            }
        }
        match self.nodes(depth + 1)? {
            (otherwise, Stop::End) => Ok(Node::If { branches, otherwise }),
            _ => Err(Fault::malformed("an {{else}} has no {{end}}")),
        }
    }
}

fn pipe(tokens: Vec<Token<'_>>) -> Result<Pipe<'_>, Fault> {
    let mut tokens = tokens.into_iter().peekable();
    let pipe = commands(&mut tokens, 0)?;
    if tokens.next().is_some() {
        return Err(Fault::malformed("a `)` has no `(`"));
    }
    Ok(pipe)
}

type Tokens<'a> = Peekable<IntoIter<Token<'a>>>;

fn commands<'a>(tokens: &mut Tokens<'a>, depth: usize) -> Result<Pipe<'a>, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::beyond("so much nesting"));
    }
    let mut commands = Vec::new();
    loop {
        commands.push(command(tokens, depth)?);
        match tokens.peek() {
            Some(Token::Pipe) => tokens.next(),
            _ => return check(Pipe(commands)),
        };
    }
}

fn command<'a>(tokens: &mut Tokens<'a>, depth: usize) -> Result<Command<'a>, Fault> {
    let mut command = Command { function: None, arguments: Vec::new() };
    while let Some(token) = tokens.next_if(|token| !matches!(token, Token::Pipe | Token::Close)) {
        let operand = match token {
            Token::Word("true") => Operand::Bool(true),
            Token::Word("false") => Operand::Bool(false),
            Token::Word(word) if OTHERS.contains(&word) => {
                return Err(Fault::beyond(&format!("`{word}`")));
            }
            Token::Word(word) if FUNCTIONS.contains(&word) => {
                if command.function.is_some() || !command.arguments.is_empty() {
                    return Err(Fault::malformed(format!("`{word}` needs parentheses here")));
                }
                command.function = Some(word);
                continue;
            }
            Token::Word(word) => {
                return Err(Fault::malformed(format!("there is no function `{word}`")));
            }
            Token::Field(names) => Operand::Field(names),
            Token::Text(text) => Operand::Text(text),
            Token::Number(number) => Operand::Number(number),
            Token::Open => {
                let inner = commands(tokens, depth + 1)?;
                if tokens.next() != Some(Token::Close) {
                    return Err(Fault::malformed("a `(` has no `)`"));
                }
                Operand::Inner(inner)
            }
            Token::Pipe | Token::Close => return Err(Fault::malformed("an empty command")),
        };
        command.arguments.push(operand);
    }
    Ok(command)
}

/// What Go refuses: nothing at all, a value with arguments, a value that is given another.
fn check(pipe: Pipe<'_>) -> Result<Pipe<'_>, Fault> {
    for (position, command) in pipe.0.iter().enumerate() {
        match (command.function, command.arguments.len()) {
            (None, 0) => return Err(Fault::malformed("a value is missing")),
            (None, 1) if position == 0 => {}
            (None, _) => return Err(Fault::malformed("a value is no function")),
            (Some(_), _) => {}
        }
    }
    Ok(pipe)
}
