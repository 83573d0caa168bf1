//! An expression, ready to run.

use jaq_core::load::{Arena, Error, File, Loader, lex, parse};
use jaq_core::{Compiler, Ctx, Vars, compile, data, load, unwrap_valr};
use jaq_json::Val;

use crate::YqError;
use crate::dashes::quoted;
use crate::steps::{Key, Step, steps};

/// What yq has and jq doesn't, in jq's words.
const OF_YQ: &str = "
def with(p; f): p |= f;
def sort_keys(p): p |= (if type == \"object\" then to_entries | sort_by(.key) | from_entries else . end);
";
/// How much of an expression is quoted.
const SHOWN: usize = 40;

/// How far behind its end a list may be assigned to.
const MOST_NEW: usize = 1000;

type Filter = jaq_core::Filter<data::JustLut<Val>>;

/// An expression that was understood.
pub struct Expression(Vec<Ready>);

/// A step that can run, and the place that must be there for it.
struct Ready {
    filter: Filter,
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
        filter(&code)?;
        let ready = |step: Step<'_>| Ok(Ready { filter: filter(step.text)?, target: step.target });
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
        let value = with_place(value, &self.target);
        let context = Ctx::<data::JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let results = self.filter.id.run((context, value)).map(unwrap_valr);
        results.collect::<Result<_, _>>().map_err(|error| YqError::Fails(error.to_string()))
    }
}

fn filter(text: &str) -> Result<Filter, YqError> {
    let code = format!("{OF_YQ}{text}");
    let arena = Arena::default();
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let program = File { code: code.as_str(), path: () };
    let modules =
        Loader::new(definitions).load(&arena, program).map_err(|errors| not_read(&errors))?;
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    Compiler::default().with_funs(functions).compile(modules).map_err(|errors| not_known(&errors))
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

fn not_read(errors: &load::Errors<&str, ()>) -> YqError {
    let near = errors.iter().find_map(|(_, error)| match error {
        Error::Lex(all) => all.first().map(|(_, near): &lex::Error<&str>| *near),
        Error::Parse(all) => all.first().map(|(_, near): &parse::Error<&str>| *near),
        Error::Io(all) => all.first().map(|(path, _)| *path),
    });
    let near = near.unwrap_or_default().chars().take(SHOWN).collect();
    YqError::Syntax(near)
}

fn not_known(errors: &compile::Errors<&str, ()>) -> YqError {
    let all = errors.iter().flat_map(|(_, errors)| errors);
    let mut names: Vec<_> = all.map(|(name, _)| format!("`{name}`")).collect();
    names.sort();
    YqError::Unknown(names.join(", "))
}
