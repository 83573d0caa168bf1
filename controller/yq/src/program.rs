//! A program in jq's language.

use jaq_core::load::{self, Arena, Error, File, Loader, lex, parse};
use jaq_core::{Compiler, Ctx, Vars, compile, data, unwrap_valr};
use jaq_json::{Val, read};

use crate::YqError;

/// How much of a program is quoted.
const SHOWN: usize = 20;

/// A program that was understood.
pub struct Program(jaq_core::Filter<data::JustLut<Val>>);

impl Program {
    /// Reads it.
    ///
    /// # Errors
    /// It can't be understood, uses what is not known, or includes files.
    pub fn new(code: &str) -> Result<Self, YqError> {
        let arena = Arena::default();
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let file = File { code, path: () };
        let modules = Loader::new(definitions).load(&arena, file);
        let modules = modules.map_err(|errors| not_read(&errors))?;
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let compiled = Compiler::default().with_funs(functions).compile(modules);
        compiled.map(Self).map_err(|errors| not_known(&errors))
    }

    /// What it makes of a value, one after the other: it may be without end.
    pub(crate) fn run(&self, value: Val) -> impl Iterator<Item = Result<Val, YqError>> {
        let context = Ctx::<data::JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        let results = self.0.id.run((context, value)).map(unwrap_valr);
        results.map(|result| result.map_err(|error| YqError::Fails(error.to_string())))
    }

    /// The same of a text of JSON, in texts that are JSON but for numbers that it has not.
    ///
    /// # Errors
    /// The text is no JSON.
    pub fn ask(
        &self,
        json: &str,
    ) -> Result<impl Iterator<Item = Result<String, YqError>>, YqError> {
        let value = read::parse_single(json.as_bytes())
            .map_err(|error| YqError::Read { format: "JSON", reason: error.to_string() })?;
        Ok(self.run(value).map(|result| result.map(|value| value.to_string())))
    }
}

fn not_read(errors: &load::Errors<&str, ()>) -> YqError {
    let lacks = |what: &str, rest: &str| match rest.trim() {
        "" => format!("lacks a {what} at its end"),
        rest => {
            format!("lacks a {what} at {:?}", rest.chars().take(SHOWN).collect::<String>())
        }
    };
    let first = errors.iter().find_map(|(_, error)| match error {
        Error::Lex(all) => {
            all.first().map(|(what, rest): &lex::Error<&str>| lacks(what.as_str(), rest))
        }
        Error::Parse(all) => {
            all.first().map(|(what, rest): &parse::Error<&str>| lacks(what.as_str(), rest))
        }
        Error::Io(_) => Some("may not include other files".to_owned()),
    });
    YqError::Syntax(first.unwrap_or_default())
}

fn not_known(errors: &compile::Errors<&str, ()>) -> YqError {
    let all = errors.iter().flat_map(|(_, errors)| errors);
    let mut names: Vec<_> = all.map(|(name, _)| format!("`{name}`")).collect();
    names.sort();
    YqError::Unknown(names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(code: &str) -> Result<Vec<String>, YqError> {
        Program::new(code)?.ask("{\"a\": [1, 2], \"name\": \"web\"}")?.collect()
    }

    #[test]
    fn what_is_asked_is_answered() {
        assert_eq!(ask(".a[]"), Ok(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(ask("select(.name == \"db\")"), Ok(vec![]));
        let endless = Program::new("repeat(1)").expect("a program");
        assert_eq!(endless.ask("0").expect("JSON").take(3).count(), 3);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |code: &str| ask(code).expect_err(code).to_string();
        assert_eq!(said(".["), "the expression lacks a closing bracket at its end");
        assert_eq!(said(".name | )"), "the expression lacks a token at \")\"");
        assert_eq!(said("nmae"), "the expression uses `nmae`, which is not known here");
        assert_eq!(said("include \"/etc/x\"; ."), "the expression may not include other files");
        assert_eq!(said(".name + 1"), "the expression fails: cannot calculate \"web\" + 1");
        assert!(Program::new(".").expect("a program").ask("{").is_err());
    }
}
