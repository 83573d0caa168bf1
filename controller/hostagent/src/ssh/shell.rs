//! Commands for the user's shell in the guest, whichever that is.

/// The text as one word.
pub(crate) fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A script for the POSIX shell, with its arguments, as one command. Its own comments and empty
/// lines are left out.
pub(crate) fn script(script: &str, arguments: &[&str]) -> String {
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let script: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let mut command = format!("sh -c {} sh", word(&script.join("\n")));
    for argument in arguments {
        command.push(' ');
        command.push_str(&word(argument));
    }
    command
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::script;

    #[test]
    fn arguments_reach_the_script_as_they_are() {
        let arguments = ["/it's $(id)", "a b", "\\040"];
        let command = script("printf '%s\\n' \"$@\"", &arguments);
        let output = Command::new("sh").args(["-c", &command]).output().expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "/it's $(id)\na b\n\\040\n");
    }
}
