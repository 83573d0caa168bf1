//! Texts about an instance as `list` shows it: `list --format '{{.Name}}'`.

use std::collections::BTreeMap;

use super::expand::{Problem, expand};
use super::value::Value;
use super::variables::{MESSAGE_NAMES, Variables};
use crate::lima::Text;

/// What an instance's fields are, by the names that Lima's `list` has for them in templates.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Texts, among them numbers as they are printed.
    pub texts: BTreeMap<&'static str, String>,
    /// Numbers, which can be compared.
    pub numbers: BTreeMap<&'static str, i64>,
    /// Flags.
    pub flags: BTreeMap<&'static str, bool>,
    /// `.Param`.
    pub params: BTreeMap<String, Text>,
}

impl Listed {
    /// The names that a template may have.
    pub fn names() -> impl Iterator<Item = &'static str> {
        MESSAGE_NAMES.into_iter().filter(|name| *name != "Instance")
    }

    /// The text with its fields replaced.
    ///
    /// # Errors
    /// If it is no template, or has what is not known here: what that is.
    pub fn print(&self, text: &str) -> Result<String, String> {
        let expanded = expand(text, self);
        match expanded.problems.into_iter().next() {
            None => Ok(expanded.text.unwrap_or_else(|| text.to_owned())),
            Some(problem) => Err(words(problem)),
        }
    }
}

impl Variables for Listed {
    fn names(&self) -> &'static [&'static str] {
        &MESSAGE_NAMES
    }

    fn value(&self, name: &str) -> Option<Value<'_>> {
        let text = self.texts.get(name).map(|text| Value::Text(text.into()));
        let number = || self.numbers.get(name).map(|number| Value::Number(*number));
        let flag = || self.flags.get(name).map(|flag| Value::Bool(*flag));
        text.or_else(number).or_else(flag)
    }

    fn params(&self) -> Option<&BTreeMap<String, Text>> {
        Some(&self.params)
    }
}

fn words(problem: Problem) -> String {
    match problem {
        Problem::Unknown { name, nearest: Some(nearest), .. } => {
            format!("there is no .{name}; did you mean .{nearest}?")
        }
        Problem::Unknown { name, .. } => format!("there is no .{name}"),
        Problem::UnknownParam { key, .. } => format!("there is no .Param.{key}"),
        Problem::Raw { why } | Problem::Broken { why } => why,
        Problem::Beyond { what } => format!("{what} is not known here; -o json has all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_printed_and_compared() {
        let listed = Listed {
            texts: [("Name", "web".to_owned()), ("Status", "Running".to_owned())].into(),
            numbers: [("CPUs", 4)].into(),
            flags: [("Protected", true)].into(),
            params: [("ONE".to_owned(), Text("a".to_owned()))].into(),
        };
        let print = |text| listed.print(text);
        assert_eq!(print("{{.Name}}: {{.CPUs}} {{.Param.ONE}}").as_deref(), Ok("web: 4 a"));
        let text = r#"{{if and .Protected (gt .CPUs 2)}}{{.Status}}{{end}}"#;
        assert_eq!(print(text).as_deref(), Ok("Running"));
        assert!(print("{{.Nmae}}").expect_err("unknown").contains("did you mean .Name?"));
        assert!(print("{{json .Config}}").is_err());
        assert!(print("{{.Name").is_err());
    }
}
