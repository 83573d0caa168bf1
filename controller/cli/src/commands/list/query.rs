//! Expressions of jq about what `list` tells, for `--yq` and `--filter`.
//!
//! Lima's are yq's. What people ask of a list (`.status == "Running"`, `select(…)`, `.config.cpus`) is
//! the same in both; yq itself is Go.

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::Value;

/// So many answers to one question: an expression may have them without end.
const MOST: usize = 100_000;

/// An expression that is understood.
pub struct Query {
    filter: Filter<data::JustLut<Val>>,
}

impl Query {
    /// Reads it.
    ///
    /// # Errors
    /// In words, what is wrong with it and where.
    pub fn new(expression: &str) -> Result<Self, String> {
        let arena = Arena::default();
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let file = File { code: expression, path: () };
        let modules = Loader::new(defs).load(&arena, file).map_err(|errors| {
            errors.first().map_or_else(String::new, |(_, error)| unreadable(error))
        })?;
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let compiled = Compiler::default().with_funs(functions).compile(modules);
        let filter = compiled.map_err(|errors| {
            let first = errors.iter().flat_map(|(_, errors)| errors).next();
            first.map_or_else(String::new, |(name, what)| {
                format!("there is no {} {name}", what.as_str())
            })
        })?;
        Ok(Self { filter })
    }

    /// What it makes of a value: any number of values.
    ///
    /// # Errors
    /// In words, what it can't do with this value.
    pub fn ask(&self, value: &Value) -> Result<Vec<Value>, String> {
        let input = read::parse_single(value.to_string().as_bytes()).map_err(|e| e.to_string())?;
        let context = Ctx::<data::JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let answers = self.filter.id.run((context, input)).map(unwrap_valr).take(MOST);
        answers
            .map(|answer| {
                let text = answer.map_err(|error| error.to_string())?.to_string();
                serde_json::from_str(&text).map_err(|_| format!("{text} is not JSON"))
            })
            .collect()
    }
}

fn unreadable(error: &load::Error<&str>) -> String {
    let place = |rest: &str| match rest.trim() {
        "" => "at its end".to_owned(),
        rest => format!("at {:?}", rest.chars().take(20).collect::<String>()),
    };
    match error {
        load::Error::Lex(errors) => errors.first().map_or_else(String::new, |(what, rest)| {
            format!("it lacks a {} {}", what.as_str(), place(rest))
        }),
        load::Error::Parse(errors) => errors.first().map_or_else(String::new, |(what, rest)| {
            format!("it lacks a {} {}", what.as_str(), place(rest))
        }),
        load::Error::Io(_) => "it may not include other files".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(expression: &str) -> Result<Vec<Value>, String> {
        let web =
            json!({"name": "web", "cpus": 2, "memory": 4_294_967_296_u64, "config": {"a": [1, 2]}});
        Query::new(expression)?.ask(&web)
    }

    #[test]
    fn what_is_asked_is_answered() {
        assert_eq!(ask(".name"), Ok(vec![json!("web")]));
        assert_eq!(
            ask("select(.cpus > 1) | {name, memory}"),
            Ok(vec![json!({"name": "web", "memory": 4_294_967_296_u64})])
        );
        assert_eq!(ask("select(.name == \"db\")"), Ok(vec![]));
        assert_eq!(ask(".config.a[]"), Ok(vec![json!(1), json!(2)]));
        assert_eq!(ask(".nothing.here"), Ok(vec![Value::Null]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |expression: &str| ask(expression).unwrap_err();
        assert_eq!(said(".["), "it lacks a closing bracket at its end");
        assert_eq!(said(".name | )"), "it lacks a token at \")\"");
        assert_eq!(said("nmae"), "there is no filter nmae");
        assert_eq!(said("include \"/etc/passwd\"; ."), "it may not include other files");
        assert_eq!(said(".name + 1"), "cannot calculate \"web\" + 1");
        assert_eq!(said("nan"), "NaN is not JSON");
    }
}
