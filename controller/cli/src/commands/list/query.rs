//! Expressions of jq about what `list` tells, for `--yq` and `--filter`.
//!
//! Lima's are yq's. What people ask of a list (`.status == "Running"`, `select(…)`, `.config.cpus`) is
//! the same in both; yq itself is Go.

use limekiln_yq::Program;
use serde_json::Value;

/// So many answers to one question: an expression may have them without end.
const MOST: usize = 100_000;

/// An expression that is understood.
pub struct Query(Program);

impl Query {
    /// Reads it.
    ///
    /// # Errors
    /// In words, what is wrong with it and where.
    pub fn new(expression: &str) -> Result<Self, String> {
        Program::new(expression).map(Self).map_err(|error| error.to_string())
    }

    /// What it makes of a value: any number of values.
    ///
    /// # Errors
    /// In words, what it can't do with this value.
    pub fn ask(&self, value: &Value) -> Result<Vec<Value>, String> {
        let value = value.to_string();
        let answers = self.0.ask(&value).map_err(|error| error.to_string())?;
        answers
            .take(MOST)
            .map(|answer| {
                let text = answer.map_err(|error| error.to_string())?;
                serde_json::from_str(&text).map_err(|_| format!("{text} is not JSON"))
            })
            .collect()
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
        assert_eq!(said(".["), "the expression lacks a closing bracket at its end");
        assert_eq!(said(".name + 1"), "the expression fails: cannot calculate \"web\" + 1");
        assert_eq!(said("nan"), "NaN is not JSON");
    }
}
