//! Scripts: commands, and below each what it is expected to print, in one text file.
//!
//! ```text
//! # What is shown here, for people.
//!
//! $ write web.yaml
//! | kind: Instance
//!
//! $ apply
//!   +   instance/web  create
//! ```
//!
//! A line with `$` is a command, lines with `|` below it are its input, indented lines are its
//! output. Everything else (remarks with `#`, empty lines) belongs to the next command.

use std::fmt::Write;

/// A script with the output that it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands in order.
    pub steps: Vec<Step>,
    /// Remarks after the last one.
    pub end: String,
}

/// One command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Remarks and empty lines before it.
    pub before: String,
    /// The line after `$ `.
    pub command: String,
    /// What stands behind `| `, a line each.
    pub input: String,
    /// What is expected of it; ends with a newline unless empty.
    pub output: String,
}

impl Script {
    /// Reads a script.
    pub fn parse(text: &str) -> Self {
        let mut script = Self::default();
        for line in text.lines() {
            script.line(line);
        }
        script
    }

    fn line(&mut self, line: &str) {
        let fresh = self.end.is_empty();
        if let Some(command) = line.strip_prefix("$ ") {
            let before = std::mem::take(&mut self.end);
            self.steps.push(Step { before, command: command.trim().to_owned(), ..Step::default() });
            return;
        }
        match self.steps.last_mut() {
            Some(step) if fresh && line.starts_with('|') => {
                push(&mut step.input, line[1..].strip_prefix(' ').unwrap_or(&line[1..]));
            }
            Some(step) if fresh && line.starts_with("  ") => push(&mut step.output, &line[2..]),
            _ => push(&mut self.end, line),
        }
    }

    /// The script with the output that its commands have now.
    #[must_use]
    pub fn with_output(&self, output: impl IntoIterator<Item = String>) -> Self {
        let steps = self.steps.iter().zip(output);
        let steps = steps.map(|(step, output)| Step { output, ..step.clone() });
        Self { steps: steps.collect(), end: self.end.clone() }
    }

    /// The script as a file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Step { before, command, input, output } in &self.steps {
            // Writing to a string cannot fail.
            let _ = write!(text, "{before}$ {command}\n{}{}", led("| ", input), led("  ", output));
        }
        text + &self.end
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn led(lead: &str, text: &str) -> String {
    let lines = text.lines().map(|line| format!("{}\n", format!("{lead}{line}").trim_end()));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# A remark.\n\n$ write a\n| x: 1\n|   y\n$ apply\n  one\n    two\n\n# The end.\n";

    #[test]
    fn what_is_read_is_written_again() {
        let script = Script::parse(TEXT);
        assert_eq!(script.steps[0].before, "# A remark.\n\n");
        assert_eq!(script.steps[0].input, "x: 1\n  y\n");
        assert_eq!(script.steps[1].output, "one\n  two\n");
        assert_eq!(script.end, "\n# The end.\n");
        assert_eq!(script.text(), TEXT);
    }

    #[test]
    fn output_is_replaced() {
        let script = Script::parse(TEXT).with_output([String::new(), "new\n".to_owned()]);
        assert!(script.text().contains("$ apply\n  new\n\n# The end."));
    }
}
