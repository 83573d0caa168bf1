//! Which of the host's variables go along with `--preserve-env`: the rules, and the list of what
//! stays here, are Lima's.

use crate::exit::Failure;

/// What says more about this host, this terminal or this user than a guest could use.
const BLOCKED: [&str; 27] = [
    "BASH*",
    "DISPLAY",
    "DYLD_*",
    "EUID",
    "FPATH",
    "GID",
    "GROUP",
    "HOME",
    "HOSTNAME",
    "LD_*",
    "LOGNAME",
    "OLDPWD",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "SSH_*",
    "TERM",
    "TERMINFO",
    "TMPDIR",
    "UID",
    "USER",
    "XAUTHORITY",
    "XDG_*",
    "ZDOTDIR",
    "ZSH*",
    "_*",
];

/// What is let through first, then what is held back; anything else goes along.
#[derive(Debug)]
pub struct Preserved {
    allow: Vec<String>,
    block: Vec<String>,
}

impl Preserved {
    /// From `LIMA_SHELLENV_ALLOW` and `LIMA_SHELLENV_BLOCK`. The second replaces Lima's own list,
    /// or adds to it where it begins with `+`.
    ///
    /// # Errors
    /// If a pattern has a character that no variable has.
    pub fn new(allow: &str, block: &str) -> anyhow::Result<Self> {
        let own = || BLOCKED.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let block = match block.strip_prefix('+') {
            Some(more) => [own(), patterns("LIMA_SHELLENV_BLOCK", more)?].concat(),
            None if block.trim().is_empty() => own(),
            None => patterns("LIMA_SHELLENV_BLOCK", block)?,
        };
        Ok(Self { allow: patterns("LIMA_SHELLENV_ALLOW", allow)?, block })
    }

    /// Whether a variable goes along.
    pub fn has(&self, name: &str) -> bool {
        let any = |list: &[String]| list.iter().any(|pattern| matches(pattern, name));
        any(&self.allow) || !any(&self.block)
    }
}

fn patterns(variable: &str, list: &str) -> anyhow::Result<Vec<String>> {
    let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'*';
            if word.bytes().all(good) {
                return Ok(word.to_owned());
            }
            let failure = Failure::bad_input(format!("{variable}: `{word}` is no pattern"));
            Err(failure.hint("use letters, digits, `_` and `*`, with commas between").into())
        })
        .collect()
}

/// `*` is anything, also nothing.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|left| {
            (0..=left.len())
                .filter(|&at| left.is_char_boundary(at))
                .any(|at| matches(rest, &left[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_goes_before_blocked_and_the_rest_goes_along() {
        let plain = Preserved::new("", "").expect("lists");
        assert!(plain.has("EDITOR") && plain.has("SSH") && !plain.has("SSH_AUTH_SOCK"));
        assert!(!plain.has("_") && !plain.has("_X") && !plain.has("PATH"));
        let allowed = Preserved::new("SSH_*, PATH", "").expect("lists");
        assert!(allowed.has("SSH_AUTH_SOCK") && allowed.has("PATH") && !allowed.has("HOME"));
        let replaced = Preserved::new("", "AWS_*KEY").expect("lists");
        assert!(replaced.has("PATH") && replaced.has("AWS_ID") && !replaced.has("AWS_MY_KEY"));
        let added = Preserved::new("", "+EDITOR").expect("lists");
        assert!(!added.has("EDITOR") && !added.has("HOME"));
        assert!(Preserved::new("A-B", "").is_err());
    }

    #[test]
    fn stars_match_anything() {
        for (pattern, name) in [("*", ""), ("A*C", "ABC"), ("*B*", "ABC"), ("**", "x"), ("A*", "A")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("A*C", "ABCD"), ("", "A"), ("a", "A"), ("*X", "XY")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
