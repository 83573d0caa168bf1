//! Rules about parameters and the environment.

use super::findings::Findings;
use crate::strings::ParamUse;
use crate::{FieldError, Layer, Lima};

pub(super) fn check(lima: &Lima, findings: &mut Findings) {
    for (key, value) in lima.param.iter().flatten() {
        let path = format!("param.{key}");
        let named = key.starts_with(|c: char| c.is_ascii_alphabetic()) && is_word(key);
        if !named {
            let hint = "begin with a letter, and go on with letters, digits and `_`";
            findings.error(path.as_str(), format!("{key:?} cannot be a parameter's name"), hint);
        }
        if let Some(c) = value.chars().find(|c| !is_printable(*c)) {
            let message = format!("the value contains {c:?}, which cannot be printed");
            findings.error(path, message, "remove it; only spaces and tabs are fine");
        }
    }
    for key in lima.env.iter().flatten().map(|(key, _)| key) {
        if key.is_empty() || !is_word(key) {
            let message = format!("{key:?} cannot be a variable's name");
            findings.error(format!("env.{key}"), message, "use letters, digits and `_`");
        }
    }
}

fn is_word(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Go's idea of it, and tabs: letters, marks, numbers, punctuation, symbols, and of spaces only
/// the common one.
fn is_printable(c: char) -> bool {
    let odd_space = c.is_whitespace() && c != ' ' && c != '\t';
    let invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}');
    c == '\t' || !(c.is_control() || odd_space || invisible)
}

/// Lima refuses a parameter that nothing uses. Only the instance's own document counts, as it is
/// written, and not its message.
pub(super) fn check_use(template: &Lima, errors: &mut Vec<FieldError>) {
    let Some(param) = template.param.as_ref().filter(|param| !param.is_empty()) else { return };
    // What is in other files is not known here.
    let files = template.provision.iter().flatten().any(|step| {
        step.file.is_some() || step.playbook.as_ref().is_some_and(|book| !book.is_empty())
    });
    if files || template.probes.iter().flatten().any(|probe| probe.file.is_some()) {
        return;
    }
    let used = used(template);
    for key in param.keys().filter(|key| !used.uses(key)) {
        let message = format!("nothing uses the parameter `{key}`");
        let error = FieldError::of_template(Layer::Manifest, &format!("param.{key}"), message);
        errors.push(error.hint(format!(
            "use it as {{{{.Param.{key}}}}} or, in scripts, as $PARAM_{key}, or remove it"
        )));
    }
}

fn used(template: &Lima) -> ParamUse<'_> {
    let mut texts: Vec<Option<&str>> = Vec::new();
    for step in template.provision.iter().flatten() {
        let plain = [&step.script, &step.content, &step.expression, &step.path];
        texts.extend(plain.map(Option::as_deref));
        texts.extend([&step.owner, &step.permissions].map(Option::as_deref));
    }
    texts.extend(template.probes.iter().flatten().map(|probe| probe.script.as_deref()));
    for copy in template.copy_to_host.iter().flatten() {
        texts.extend([copy.guest.as_deref(), copy.host.as_deref()]);
    }
    for forward in template.port_forwards.iter().flatten() {
        texts.extend([forward.guest_socket.as_deref(), forward.host_socket.as_deref()]);
    }
    for mount in template.mounts.iter().flatten() {
        texts.extend([Some(mount.location.as_str()), mount.mount_point.as_deref()]);
    }
    let mut used = ParamUse::default();
    texts.into_iter().flatten().for_each(|text| used.add(text));
    used
}
