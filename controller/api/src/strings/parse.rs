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
/// Functions of text/template that are not.
const OTHER_FUNCTIONS: [&str; 7] = ["printf", "index", "slice", "html", "js", "urlquery", "call"];
/// Its actions that are not, and that have an `end`.
const BLOCKS: [&str; 4] = ["range", "with", "define", "block"];
/// Its actions that are not, and that have none.
const LINES: [&str; 3] = ["template", "break", "continue"];

/// A template that Go can read.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// What it has and we do not, each once.
    pub(super) beyond: Vec<String>,
}

/// Reads a template. What Go cannot read either is an error whatever else is in the text: it stays
/// as it is then.
pub(super) fn parse(text: &str) -> Result<Template<'_>, Fault> {
    let segments = segments(text)?.into_iter().peekable();
    let mut parser = Parser { segments, beyond: Beyond::default() };
    let (nodes, end) = parser.nodes(0)?;
    match end {
        Stop::Text => Ok(Template { nodes, beyond: parser.beyond.0 }),
        Stop::Else(_) => Err(Fault::malformed("an {{else}} has no {{if}}")),
        Stop::End => Err(Fault::malformed("an {{end}} has no {{if}}")),
    }
}

/// What is not expanded, each once.
#[derive(Debug, Default)]
struct Beyond(Vec<String>);

impl Beyond {
    fn note(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.0.contains(&what) {
            self.0.push(what);
        }
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
    beyond: Beyond,
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
                Some(Token::Word(word)) if BLOCKS.contains(word) => {
                    self.beyond.note(format!("`{word}`"));
                    tokens.next();
                    nodes.push(self.block(tokens.collect(), depth)?);
                }
                Some(Token::Word(word)) if LINES.contains(word) => {
                    self.beyond.note(format!("`{word}`"));
                }
                _ => nodes.push(Node::Print(pipe(tokens.collect(), &mut self.beyond)?)),
            }
        }
        Ok((nodes, Stop::Text))
    }

    /// From the first word of a block that is not expanded to its `end`. What is inside has names
    /// of its own.
    fn block(&mut self, tokens: Vec<Token<'a>>, depth: usize) -> Result<Node<'a>, Fault> {
        let over = pipe(tokens, &mut self.beyond)?;
        loop {
            match self.nodes(depth + 1)?.1 {
                Stop::End => {
                    let branches = vec![(over, Vec::new())];
                    return Ok(Node::If { branches, otherwise: Vec::new() });
                }
                Stop::Else(_) => {}
                Stop::Text => return Err(Fault::malformed("a block has no {{end}}")),
            }
        }
    }

    /// From the condition of an `if` to its `end`.
    fn condition(&mut self, tokens: Vec<Token<'a>>, depth: usize) -> Result<Node<'a>, Fault> {
        let mut condition = pipe(tokens, &mut self.beyond)?;
        let mut branches = Vec::new();
        loop {
            let (inside, end) = self.nodes(depth + 1)?;
            branches.push((condition, inside));
            match end {
                Stop::Text => return Err(Fault::malformed("an {{if}} has no {{end}}")),
                Stop::End => return Ok(Node::If { branches, otherwise: Vec::new() }),
                Stop::Else(tokens) => match tokens.split_first() {
                    None => break,
                    Some((Token::Word("if"), rest)) => {
                        condition = pipe(rest.to_vec(), &mut self.beyond)?;
                    }
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

fn pipe<'a>(mut tokens: Vec<Token<'a>>, beyond: &mut Beyond) -> Result<Pipe<'a>, Fault> {
    if let Some(at) = tokens.iter().position(|token| *token == Token::Assign) {
        assigned(&tokens[..at])?;
        beyond.note("a variable (`$`)");
        tokens.drain(..=at);
    }
    let mut tokens = tokens.into_iter().peekable();
    let pipe = commands(&mut tokens, 0, beyond)?;
    if tokens.next().is_some() {
        return Err(Fault::malformed("a `)` has no `(`"));
    }
    Ok(pipe)
}

/// What may stand before a `=`: a variable, or two with a comma between them.
fn assigned(tokens: &[Token<'_>]) -> Result<(), Fault> {
    match tokens {
        [Token::Beyond(_)] | [Token::Beyond(_), Token::Comma, Token::Beyond(_)] => Ok(()),
        _ => Err(Fault::malformed("unexpected '=' between {{ and }}")),
    }
}

type Tokens<'a> = Peekable<IntoIter<Token<'a>>>;

fn commands<'a>(
    tokens: &mut Tokens<'a>,
    depth: usize,
    beyond: &mut Beyond,
) -> Result<Pipe<'a>, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::beyond("so much nesting"));
    }
    let mut commands = Vec::new();
    loop {
        commands.push(command(tokens, depth, beyond)?);
        match tokens.peek() {
            Some(Token::Pipe) => tokens.next(),
            _ => return check(Pipe(commands)),
        };
    }
}

fn command<'a>(
    tokens: &mut Tokens<'a>,
    depth: usize,
    beyond: &mut Beyond,
) -> Result<Command<'a>, Fault> {
    let mut command = Command { function: None, arguments: Vec::new() };
    while let Some(token) = tokens.next_if(|token| !matches!(token, Token::Pipe | Token::Close)) {
        let operand = match token {
            Token::Word("true") => Operand::Bool(true),
            Token::Word("false") => Operand::Bool(false),
            Token::Word("nil") => {
                beyond.note("`nil`");
                Operand::Beyond
            }
            Token::Word(word) => {
                function(&mut command, word, beyond)?;
                continue;
            }
            Token::Field(names) => Operand::Field(names),
            Token::Text(text) => Operand::Text(text),
            Token::Number(number) => Operand::Number(number),
            Token::Beyond(what) => {
                beyond.note(what);
                Operand::Beyond
            }
            Token::Chained => {
                beyond.note("a field of a parenthesis");
                continue;
            }
            Token::Open => Operand::Inner(parenthesis(tokens, depth, beyond)?),
            Token::Assign | Token::Comma => {
                return Err(Fault::malformed("unexpected ',' or '=' between {{ and }}"));
            }
            Token::Pipe | Token::Close => return Err(Fault::malformed("an empty command")),
        };
        command.arguments.push(operand);
    }
    Ok(command)
}

fn parenthesis<'a>(
    tokens: &mut Tokens<'a>,
    depth: usize,
    beyond: &mut Beyond,
) -> Result<Pipe<'a>, Fault> {
    let inner = commands(tokens, depth + 1, beyond)?;
    if tokens.next() != Some(Token::Close) {
        return Err(Fault::malformed("a `(` has no `)`"));
    }
    Ok(inner)
}

/// A word that begins a command. Lima gives Go no functions beside its own, so a text with any
/// other is no template to it.
fn function<'a>(
    command: &mut Command<'a>,
    word: &'a str,
    beyond: &mut Beyond,
) -> Result<(), Fault> {
    if OTHER_FUNCTIONS.contains(&word) {
        beyond.note(format!("`{word}`"));
    } else if !FUNCTIONS.contains(&word) {
        return Err(Fault::malformed(format!("there is no function `{word}`")));
    }
    if command.function.is_some() || !command.arguments.is_empty() {
        return Err(Fault::malformed(format!("`{word}` needs parentheses here")));
    }
    command.function = Some(word);
    Ok(())
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
