//! What the guest's shell is to run.

use std::path::Path;

use limekiln_api::Lima;

use crate::quote::quote;

/// A command in a guest, as Lima's `shell` composes it.
pub struct Remote<'a> {
    /// The directory in the guest that was asked for.
    pub workdir: Option<&'a str>,
    /// The shell.
    pub shell: &'a str,
    /// Variables for it.
    pub environment: &'a [(String, String)],
    /// The command and its arguments; a login shell without one.
    pub command: &'a [String],
}

impl Remote<'_> {
    /// The text for ssh. `here` and `home` are directories of this host, without links; the
    /// guest has them, too, if they are mounted.
    pub fn line(&self, lima: &Lima, here: Option<&Path>, home: &Path) -> String {
        let go = self.go(lima, here, home);
        let variables: String = self
            .environment
            .iter()
            .map(|(key, value)| format!("{} ", assignment(key, value)))
            .collect();
        let env = if variables.is_empty() { String::new() } else { format!("env {variables}") };
        let shell = if self.shell.is_empty() { "\"$SHELL\"".to_owned() } else { quote(self.shell) };
        match self.command {
            [] => format!("{go}exec {env}{shell} -l"),
            words => {
                let line: Vec<_> = words.iter().map(|word| word_of(word)).collect();
                format!("{go}exec {env}{shell} -l -c {}", quote(&line.join(" ")))
            }
        }
    }

    /// A directory that was asked for must be there; that of this host only if it is mounted.
    fn go(&self, lima: &Lima, here: Option<&Path>, home: &Path) -> String {
        if let Some(dir) = self.workdir {
            return format!("cd {} || exit 1; ", quote(dir));
        }
        let home_too = quote(&home.to_string_lossy());
        match here.filter(|here| has(lima, here)) {
            Some(here) => format!("cd {} || cd {home_too}; ", quote(&here.to_string_lossy())),
            None if has(lima, home) => format!("cd {home_too}; "),
            None => String::new(),
        }
    }
}

/// Whether a directory of this host is in a mount. Lima asks only where it is here.
fn has(lima: &Lima, dir: &Path) -> bool {
    let mounts = lima.mounts.iter().flatten();
    let mut places = mounts.map(|mount| mount.location.as_str());
    places.any(|place| {
        let place = Path::new(place);
        let real = place.canonicalize();
        dir.starts_with(real.as_deref().unwrap_or(place))
    })
}

/// Leading assignments stay assignments.
fn word_of(word: &str) -> String {
    match word.split_once('=') {
        Some((key, value)) if is_name(key) => assignment(key, value),
        _ => quote(word),
    }
}

fn assignment(key: &str, value: &str) -> String {
    format!("{key}={}", quote(value))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lima(yaml: &str) -> Lima {
        limekiln_api::read_lima(yaml).expect("YAML")
    }

    fn line(command: &[&str], workdir: Option<&str>, yaml: &str, here: &str) -> String {
        let command: Vec<_> = command.iter().map(|&word| word.to_owned()).collect();
        let remote = Remote { workdir, shell: "", environment: &[], command: &command };
        remote.line(&lima(yaml), Some(Path::new(here)), Path::new("/home/me"))
    }

    #[test]
    fn words_survive_two_shells() {
        assert_eq!(line(&[], None, "{}", "/src"), r#"exec "$SHELL" -l"#);
        assert_eq!(
            line(&["echo", "a b"], Some("/x y"), "{}", "/src"),
            r#"cd '/x y' || exit 1; exec "$SHELL" -l -c 'echo '\''a b'\'''"#
        );
        assert_eq!(
            line(&["A=b c", "env"], None, "{}", "/src"),
            r#"exec "$SHELL" -l -c 'A='\''b c'\'' env'"#
        );
    }

    #[test]
    fn the_directory_here_is_that_there_where_it_is_mounted() {
        let home = "mounts: [{location: /home/me}]";
        assert_eq!(
            line(&[], None, home, "/home/me/x"),
            r#"cd /home/me/x || cd /home/me; exec "$SHELL" -l"#
        );
        assert_eq!(line(&[], None, home, "/home/metoo"), r#"cd /home/me; exec "$SHELL" -l"#);
        assert_eq!(line(&[], None, "mounts: [{location: /a}]", "/b"), r#"exec "$SHELL" -l"#);
    }

    #[test]
    fn variables_come_before_the_shell() {
        let environment = [("EDITOR".to_owned(), "vi -e".to_owned())];
        let remote =
            Remote { workdir: None, shell: "/bin/zsh", environment: &environment, command: &[] };
        let line = remote.line(&lima("{}"), None, Path::new("/home/me"));
        assert_eq!(line, "exec env EDITOR='vi -e' /bin/zsh -l");
    }
}
