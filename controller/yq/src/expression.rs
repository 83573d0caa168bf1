//! An expression, ready to run.

use jaq_json::Val;

use crate::dashes::quoted;
use crate::steps::{Key, Step, steps};
use crate::{Program, YqError};

/// What yq has and jq doesn't, in jq's words.
const OF_YQ: &str = "
def with(p; f): p |= f;
def sort_keys(p): p |= (if type == \"object\" then to_entries | sort_by(.key) | from_entries else . end);
";
/// How far behind its end a list may be assigned to.
const MOST_NEW: usize = 1000;

/// An expression that was understood.
pub struct Expression(Vec<Ready>);

/// A step that can run, and the place that must be there for it.
struct Ready {
    program: Program,
    target: Vec<Key>,
}

impl Expression {
    /// Reads an expression of yq.
    ///
    /// # Errors
    /// It can't be understood, or uses what is not known.
    pub fn new(text: &str) -> Result<Self, YqError> {
        // As a whole first: what is said of a part of it would mislead.
        let code = quoted(text);
        program(&code)?;
        let ready =
            |step: Step<'_>| Ok(Ready { program: program(step.text)?, target: step.target });
        steps(&code).into_iter().map(ready).collect::<Result<_, _>>().map(Self)
    }

    /// What it makes of a value.
    pub(crate) fn run(&self, input: Val) -> Result<Vec<Val>, YqError> {
        let mut values = vec![input];
        for step in &self.0 {
            let results = values.into_iter().map(|value| step.run(value));
            values = results.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        }
        Ok(values)
    }
}

impl Ready {
    fn run(&self, value: Val) -> Result<Vec<Val>, YqError> {
        self.program.run(with_place(value, &self.target)).collect()
    }
}

fn program(text: &str) -> Result<Program, YqError> {
    Program::new(&format!("{OF_YQ}{text}"))
}

/// The value with all that stands above a place. What is something else already stays so, and the
/// step will fail on it.
fn with_place(value: Val, keys: &[Key]) -> Val {
    let Some((key, deeper)) = keys.split_first() else { return value };
    match (value, key) {
        (Val::Null, Key::Name(_)) => with_place(Val::obj(Default::default()), keys),
        (Val::Null, Key::Position(_)) => with_place(Val::Arr(Default::default()), keys),
        (Val::Obj(fields), Key::Name(name)) if !deeper.is_empty() => {
            let mut fields = (*fields).clone();
            let slot = fields.entry(Val::from(name.clone())).or_insert(Val::Null);
            *slot = with_place(std::mem::take(slot), deeper);
            Val::obj(fields)
        }
        (Val::Arr(items), &Key::Position(position)) if position <= items.len() + MOST_NEW => {
            let mut items = (*items).clone();
            while items.len() <= position {
                items.push(Val::Null);
            }
            items[position] = with_place(std::mem::take(&mut items[position]), deeper);
            items.into_iter().collect()
        }
        (other, _) => other,
    }
}
