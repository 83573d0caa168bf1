//! What is found while a template is filled.

use crate::strings::Problem;
use crate::{FieldError, Layer};

/// What is found while a template is filled.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) found: Vec<FieldError>,
}

impl Notes {
    /// Something about the field at a layer's own path.
    pub(super) fn add(&mut self, error: FieldError) {
        self.found.push(error);
    }

    /// What is wrong with a template string.
    pub(super) fn problems(&mut self, layer: Layer, path: &str, problems: Vec<Problem>) {
        self.found.extend(problems.into_iter().map(|problem| explain(layer, path, problem)));
    }
}

/// The problem in words.
pub(crate) fn explain(layer: Layer, path: &str, problem: Problem) -> FieldError {
    let about = |message: String| FieldError::of_template(layer, path, message);
    match problem {
        Problem::Unknown { name, nearest, known } => {
            let error = about(format!("there is no variable `.{name}` here"));
            match nearest {
                Some(nearest) => error.hint(format!("did you mean `{{{{.{nearest}}}}}`?")),
                None => error.hint(format!(
                    "write one of .{}; if the braces are for another program, {ESCAPE}",
                    known.join(", .")
                )),
            }
        }
        Problem::UnknownParam { key, nearest } => {
            let error = about(format!("there is no parameter `{key}`"));
            let error = FieldError { about_params: true, ..error };
            let error = error.hint(match nearest {
                Some(nearest) => format!("did you mean `{{{{.Param.{nearest}}}}}`?"),
                None => format!("set `param.{key}`"),
            });
            // default.yaml serves instances that have the parameter and others that do not.
            if layer == Layer::Manifest { error } else { error.warning() }
        }
        Problem::Raw { why } => about(format!("is left as it is, because {why}"))
            .warning()
            .hint(format!("if the braces are for another program, that is fine; {ESCAPE}")),
        Problem::Broken { why } => about(format!("cannot be shown, because {why}")).hint(format!(
            "correct it: Lima takes an instance with such a message for broken; {ESCAPE}"
        )),
        Problem::Beyond { what } => {
            about(format!("{what} of Go's text/template is not expanded")).hint(format!(
                "write it with `if`, `and`, `or`, `not`, `eq` or `print`; if the braces are for another program, {ESCAPE}"
            ))
        }
    }
}

/// How braces get past Go's text/template.
const ESCAPE: &str = "`{{\"{{\"}}` stands for `{{`";
