//! An expression in its steps: what stands between pipes, and which places an assignment makes.
//!
//! yq and jq make `{a: {b: 1}}` of nothing by `.a.b = 1`; jaq wants `.a` to be there.

/// One part of an expression that runs on the outcome of the part before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// Where it assigns to, if that is a plain path.
    pub(super) target: Vec<Key>,
}

/// A part of a plain path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `.name` or `["name"]`.
    Name(String),
    /// `[2]`.
    Position(usize),
}

/// The steps of an expression in jq's words. One that binds variables is one step.
pub(super) fn steps(expression: &str) -> Vec<Step<'_>> {
    let binds = [" as ", "def ", "reduce ", "foreach ", "label "];
    if binds.iter().any(|word| expression.contains(word)) {
        return vec![Step { text: expression, target: Vec::new() }];
    }
    let mut steps = Vec::new();
    let (mut begin, mut assigned) = (0, None);
    let mut tokens = Tokens::new(expression);
    while let Some((at, token)) = tokens.next_outside() {
        match token {
            "|" => {
                steps.push(step(&expression[begin..at], assigned.take(), begin));
                begin = at + 1;
            }
            "=" | "|=" | "+=" | "-=" | "*=" | "/=" | "//=" if assigned.is_none() => {
                assigned = Some(at);
            }
            _ => {}
        }
    }
    steps.push(step(&expression[begin..], assigned, begin));
    steps
}

fn step(text: &str, assigned: Option<usize>, begin: usize) -> Step<'_> {
    let target = assigned.and_then(|at| path(text[..at - begin].trim())).unwrap_or_default();
    Step { text, target }
}

/// The keys of a path that has nothing else in it.
fn path(text: &str) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = match rest.strip_prefix('[').or_else(|| rest.strip_prefix(".[")) {
            Some(inside) => {
                let (inside, after) = inside.split_once(']')?;
                (position_or_name(inside)?, after)
            }
            None => name(rest.strip_prefix('.')?)?,
        };
        keys.push(key);
        rest = after;
    }
    Some(keys)
}

fn position_or_name(inside: &str) -> Option<Key> {
    match inside.parse() {
        Ok(position) => Some(Key::Position(position)),
        Err(_) => text(inside).filter(|(_, after)| after.is_empty()).map(|(key, _)| key),
    }
}

fn name(rest: &str) -> Option<(Key, &str)> {
    if rest.starts_with('"') {
        return text(rest);
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    (!name.is_empty()).then(|| (Key::Name(name.to_owned()), after))
}

/// A text in quotes without anything to be replaced.
fn text(rest: &str) -> Option<(Key, &str)> {
    let (inside, after) = rest.strip_prefix('"')?.split_once('"')?;
    (!inside.contains('\\')).then(|| (Key::Name(inside.to_owned()), after))
}

/// Operators that stand outside of brackets, texts and comments.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn next_outside(&mut self) -> Option<(usize, &'a str)> {
        const OPERATORS: [&str; 14] =
            ["//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", "|", "="];
        while let Some(first) = self.text[self.at..].chars().next() {
            let (at, rest) = (self.at, &self.text[self.at..]);
            match first {
                '"' => self.at += text_len(rest),
                '#' => self.at += rest.find('\n').unwrap_or(rest.len()),
                '(' | '[' | '{' => {
                    self.depth += 1;
                    self.at += 1;
                }
                ')' | ']' | '}' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.at += 1;
                }
                _ => {
                    let operator = OPERATORS.into_iter().find(|word| rest.starts_with(word));
                    self.at += operator.map_or(first.len_utf8(), str::len);
                    if let Some(operator) = operator.filter(|_| self.depth == 0) {
                        return Some((at, operator));
                    }
                }
            }
        }
        None
    }
}

/// The length of the text in quotes that `rest` begins with.
pub(super) fn text_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str) -> Vec<(String, String)> {
        let shown = |key: &Key| match key {
            Key::Name(name) => format!(".{name}"),
            Key::Position(position) => format!("[{position}]"),
        };
        let all = steps(expression).into_iter();
        all.map(|step| (step.text.trim().to_owned(), step.target.iter().map(shown).collect()))
            .collect()
    }

    #[test]
    fn steps_stand_between_pipes() {
        let step = |text: &str, target: &str| (text.to_owned(), target.to_owned());
        for (expression, wanted) in [
            (".a.b = 1", vec![step(".a.b = 1", ".a.b")]),
            (
                ".\"a-b\"[2].c += [\"|\"] | .d[\"e f\"] |= (. | 2) | del(.x)",
                vec![
                    step(".\"a-b\"[2].c += [\"|\"]", ".a-b[2].c"),
                    step(".d[\"e f\"] |= (. | 2)", ".d.e f"),
                    step("del(.x)", ""),
                ],
            ),
            (".a == 1 # |", vec![step(".a == 1 # |", "")]),
            (".[] = 1", vec![step(".[] = 1", "")]),
            (".. |= 1", vec![step(".. |= 1", "")]),
            (".a as $x | .b = $x", vec![step(".a as $x | .b = $x", "")]),
            ("", vec![step("", "")]),
        ] {
            assert_eq!(of(expression), wanted, "{expression}");
        }
    }
}
