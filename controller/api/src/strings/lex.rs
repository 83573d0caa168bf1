//! Text to segments and tokens.

use std::borrow::Cow;

use super::node::Fault;

/// Text, or what stands between `{{` and `}}`.
#[derive(Debug)]
pub(super) enum Segment<'a> {
    Text(&'a str),
    Action(Vec<Token<'a>>),
}

/// A word of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// `.A.B` as its names.
    Field(Vec<&'a str>),
    Word(&'a str),
    Text(Cow<'a, str>),
    Number(i64),
    Pipe,
    Open,
    Close,
    /// `=` or `:=`.
    Assign,
    /// `,`, which stands between the variables of a `range`.
    Comma,
    /// A value that Go's text/template has and we do not, by its name.
    Beyond(&'static str),
    /// A field of a parenthesis, which belongs to the token before.
    Chained,
}

/// Go's white space between words, which is also what trim markers take away.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Takes the text apart.
pub(super) fn segments(text: &str) -> Result<Vec<Segment<'_>>, Fault> {
    let mut segments = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let trims_before = starts_with_marker(after);
        let before = if trims_before { before.trim_end_matches(SPACE) } else { before };
        push_text(&mut segments, before);
        let inside = if trims_before { &after[1..] } else { after };
        let (tokens, tail, trims_after) = action(inside)?;
        segments.extend(tokens.map(Segment::Action));
        rest = if trims_after { tail.trim_start_matches(SPACE) } else { tail };
    }
    push_text(&mut segments, rest);
    Ok(segments)
}

fn push_text<'a>(segments: &mut Vec<Segment<'a>>, text: &'a str) {
    if !text.is_empty() {
        segments.push(Segment::Text(text));
    }
}

/// `-` and white space.
fn starts_with_marker(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACE))
}

/// The tokens up to `}}` (`None` for a comment), what follows it, and whether white space after
/// it goes.
type Action<'a> = (Option<Vec<Token<'a>>>, &'a str, bool);

fn action(text: &str) -> Result<Action<'_>, Fault> {
    if !text.contains("}}") {
        return Err(no_end());
    }
    if let Some(comment) = text.trim_start_matches(SPACE).strip_prefix("/*") {
        return end_of_comment(comment);
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(SPACE);
        if let Some(tail) = trimmed.strip_prefix("}}") {
            return Ok((Some(tokens), tail, false));
        }
        if let Some(tail) = trimmed.strip_prefix("-}}")
            && trimmed.len() < rest.len()
        {
            return Ok((Some(tokens), tail, true));
        }
        let (token, tail) = token(trimmed)?;
        let closes = token == Token::Close;
        must_be_apart(&token, tail)?;
        tokens.push(token);
        rest = tail;
        if closes && tail.starts_with('.') {
            rest = field(tail)?.1;
            tokens.push(Token::Chained);
        }
    }
}

fn no_end() -> Fault {
    Fault::malformed("a {{ has no }}")
}

fn end_of_comment(comment: &str) -> Result<Action<'_>, Fault> {
    let after = comment.split_once("*/").map(|(_, after)| after);
    let after = after.ok_or_else(|| Fault::malformed("a comment has no end"))?;
    if let Some(tail) = after.strip_prefix("}}") {
        return Ok((None, tail, false));
    }
    let marked = after.strip_prefix(SPACE).and_then(|after| after.strip_prefix("-}}"));
    marked
        .map(|tail| (None, tail, true))
        .ok_or_else(|| Fault::malformed("a comment must stand alone between {{ and }}"))
}

/// Words and fields that touch are a mistake for Go, too.
fn must_be_apart(token: &Token<'_>, tail: &str) -> Result<(), Fault> {
    let ends = tail.is_empty()
        || tail.starts_with(SPACE)
        || tail.starts_with(['|', '(', ')', ',', '=', ':'])
        || tail.starts_with("}}");
    match token {
        Token::Pipe | Token::Open | Token::Assign | Token::Comma => Ok(()),
        Token::Close if tail.starts_with('.') => Ok(()),
        _ if ends => Ok(()),
        _ => Err(unexpected(tail)),
    }
}

fn unexpected(tail: &str) -> Fault {
    let c = tail.chars().next().unwrap_or(' ');
    Fault::malformed(format!("unexpected {c:?} between {{{{ and }}}}"))
}

fn token(text: &str) -> Result<(Token<'_>, &str), Fault> {
    let mut chars = text.chars();
    let first = chars.next().ok_or_else(no_end)?;
    let after = chars.as_str();
    match first {
        '|' => Ok((Token::Pipe, after)),
        '(' => Ok((Token::Open, after)),
        ')' => Ok((Token::Close, after)),
        '.' => field(text),
        '"' => quoted(after),
        '`' => {
            let (raw, tail) =
                after.split_once('`').ok_or_else(|| Fault::malformed("a ` has no end"))?;
            Ok((Token::Text(raw.into()), tail))
        }
        '$' => Ok((Token::Beyond("a variable (`$`)"), variable(after))),
        '\'' => character(after),
        '=' => Ok((Token::Assign, after)),
        ':' if after.starts_with('=') => Ok((Token::Assign, &after[1..])),
        ',' => Ok((Token::Comma, after)),
        c if c.is_ascii_digit() || c == '-' || c == '+' => number(text),
        c if is_word(c) => {
            let (word, tail) = split_word(text);
            Ok((Token::Word(word), tail))
        }
        _ => Err(unexpected(text)),
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_word(c)).unwrap_or(text.len()))
}

fn field(text: &str) -> Result<(Token<'_>, &str), Fault> {
    let (mut names, mut rest) = (Vec::new(), text);
    while let Some(after) = rest.strip_prefix('.') {
        let (name, tail) = split_word(after);
        match name.chars().next() {
            None if names.is_empty() => return Ok((Token::Beyond("`.` alone"), tail)),
            Some(c) if !c.is_ascii_digit() => {}
            _ => return Err(unexpected(rest)),
        }
        names.push(name);
        rest = tail;
    }
    Ok((Token::Field(names), rest))
}

fn number(text: &str) -> Result<(Token<'_>, &str), Fault> {
    let signed = usize::from(text.starts_with(['-', '+']));
    let end = text[signed..]
        .find(|c: char| !is_word(c) && c != '.')
        .map_or(text.len(), |digits| digits + signed);
    let (digits, tail) = text.split_at(end);
    match digits.parse() {
        Ok(number) => Ok((Token::Number(number), tail)),
        Err(_) if digits.len() > signed => Ok((Token::Beyond("a number that is not whole"), tail)),
        Err(_) => Err(unexpected(text)),
    }
}

/// What follows a variable: its name, and fields of it.
fn variable(text: &str) -> &str {
    text.trim_start_matches(|c| is_word(c) || c == '.')
}

/// A character in single quotes.
fn character(text: &str) -> Result<(Token<'_>, &str), Fault> {
    let wrong = || Fault::malformed("what is in single quotes is no single character");
    let mut chars = text.chars();
    if chars.next() == Some('\\') {
        chars.next();
    }
    let tail = chars.as_str().trim_start_matches(|c: char| c.is_ascii_hexdigit());
    match (text.starts_with('\\'), chars.as_str().strip_prefix('\''), tail.strip_prefix('\'')) {
        (_, Some(after), _) | (true, None, Some(after)) => {
            Ok((Token::Beyond("a character in single quotes"), after))
        }
        _ => Err(wrong()),
    }
}

/// A text in double quotes, with Go's escapes.
fn quoted(text: &str) -> Result<(Token<'_>, &str), Fault> {
    let no_end = || Fault::malformed("a \" has no end");
    let end = text.find(['"', '\\', '\n']).ok_or_else(no_end)?;
    if text[end..].starts_with('"') {
        return Ok((Token::Text(text[..end].into()), &text[end + 1..]));
    }
    let (mut out, mut beyond) = (String::new(), false);
    let mut chars = text.chars();
    loop {
        match chars.next().ok_or_else(no_end)? {
            '"' if beyond => {
                let what = "an escape other than \\n, \\t, \\r, \\\\ and \\\"";
                return Ok((Token::Beyond(what), chars.as_str()));
            }
            '"' => return Ok((Token::Text(out.into()), chars.as_str())),
            '\n' => return Err(no_end()),
            '\\' => match escape(chars.next())? {
                Some(c) => out.push(c),
                None => beyond = true,
            },
            c => out.push(c),
        }
    }
}

/// The character that an escape stands for; `None` for one that only Go knows.
fn escape(letter: Option<char>) -> Result<Option<char>, Fault> {
    match letter {
        Some('n') => Ok(Some('\n')),
        Some('t') => Ok(Some('\t')),
        Some('r') => Ok(Some('\r')),
        Some(c @ ('\\' | '"')) => Ok(Some(c)),
        Some('a' | 'b' | 'f' | 'v' | 'x' | 'u' | 'U' | '0'..='7') => Ok(None),
        _ => Err(Fault::malformed("an unknown escape in a text in quotes")),
    }
}
