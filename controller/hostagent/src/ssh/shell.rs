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

/// Lets `sudo -n` do what a user whose sudo asks for a password may do: the boot left one in the
/// user's home (`password.sh`). Without a terminal sudo remembers it for the children of one process.
/// One that is refused is not tried again in this boot until the file changes: enough failures
/// would lock the user out (`pam_faillock`).
pub(crate) const UNLOCK: &str = "\
if [ -e ~/.lima-password-set ] && [ -r ~/password ]; then
    boot=$(cat /proc/sys/kernel/random/boot_id)
    refused=~/.lima-password-refused
    if [ ~/password -nt \"$refused\" ] || [ \"$(cat \"$refused\" 2>/dev/null)\" != \"$boot\" ]; then
        sudo -S -v -p '' 2>/dev/null <~/password || echo \"$boot\" 2>/dev/null >\"$refused\"
    fi
fi";

/// The command, words of a shell, as root. One `sudo` for all of it where that asks for nothing: on
/// an emulated processor each takes a tenth of a second.
pub(crate) fn as_root(command: &str) -> String {
    // A shell may become its last command, which would be another process's child then.
    let script = format!(
        "[ -e ~/.lima-password-set ] || exec sudo -n \"$@\"\n{UNLOCK}\nsudo -n \"$@\"\nexit $?"
    );
    format!("{} {command}", self::script(&script, &[]))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::{as_root, script};
    use crate::ssh::fake_sudo;

    #[test]
    fn arguments_reach_the_script_as_they_are() {
        let arguments = ["/it's $(id)", "a b", "\\040"];
        let command = script("printf '%s\\n' \"$@\"", &arguments);
        let output = Command::new("sh").args(["-c", &command]).output().expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "/it's $(id)\na b\n\\040\n");
    }

    /// Where it asks, it knows the password for the children of who told it.
    const SUDO: &str = "#!/bin/sh
if [ \"$1\" = -S ]; then read -r word; echo \"$word\" >>~/tried; [ \"$word\" = secret ] && echo $PPID >~/told; exit; fi
[ ! -e ~/.lima-password-set ] || [ \"$(cat ~/told 2>/dev/null)\" = $PPID ] || exit 9
shift
exec \"$@\"
";

    #[test]
    fn root_gets_the_words_and_the_input_whether_sudo_asks_or_not() {
        let home = tempfile::tempdir().unwrap();
        let path = fake_sudo(home.path(), SUDO);
        let command = as_root(&script("cat; printf %s \"$1\"", &["it's $HOME"]));
        let run = || {
            let mut sh = Command::new("sh");
            sh.args(["-c", &command]).env("HOME", home.path()).env("PATH", &path);
            let mut sh = sh.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            sh.stdin.take().unwrap().write_all(b"input ").unwrap();
            let output = sh.wait_with_output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let done = (Some(0), "input it's $HOME".to_owned());
        assert_eq!(run(), done);
        // Longer than between two times that a file system tells apart.
        let tick = std::time::Duration::from_millis(20);
        for (password, outcome) in [("wrong", (Some(9), String::new())), ("secret", done)] {
            std::thread::sleep(tick);
            std::fs::write(home.path().join(".lima-password-set"), "").unwrap();
            std::fs::write(home.path().join("password"), format!("{password}\n")).unwrap();
            assert_eq!(run(), outcome, "{password}");
            assert_eq!(run(), outcome, "{password}");
        }
        let tried = std::fs::read_to_string(home.path().join("tried")).unwrap();
        assert_eq!(tried, "wrong\nsecret\nsecret\n", "what is refused is refused once");
    }
}
