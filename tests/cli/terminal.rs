//! What stands on a terminal: colours where they are wanted, and no line wider than it is.

use limekiln_tests::{Home, Outcome};

use crate::plans::vm;

/// Runs the line on a terminal of 80 columns that script(1) makes; `None`, said so, without it.
fn on_a_terminal(home: &Home, line: &str, no_color: &str) -> Option<String> {
    let manifests = home.manifests().display().to_string();
    let limekiln = home.command(&[]).get_program().to_string_lossy().into_owned();
    let line = format!("stty cols 80 rows 40; '{limekiln}' {}", line.replace("{m}", &manifests));
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).envs([
        ("LIMA_HOME", home.lima().display().to_string()),
        ("NO_COLOR", no_color.to_owned()),
        ("TERM", "xterm".to_owned()),
    ]);
    match script.stdin(std::process::Stdio::null()).output() {
        Ok(output) => Some(Outcome::from(output).out),
        Err(error) => {
            println!("SKIPPED: script(1) cannot be started: {error}");
            None
        }
    }
}

#[test]
fn colours_are_for_terminals_and_can_be_refused() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    let Some(shown) = on_a_terminal(&home, "diff -f {m}", "") else { return };
    assert!(shown.contains("\u{1b}["), "{shown}");
    let plain = on_a_terminal(&home, "diff -f {m}", "1").expect("as before");
    assert!(plain.contains("instance/vm") && !plain.contains('\u{1b}'), "{plain:?}");
    assert!(!home.run("diff -f {m}").ok().out.contains('\u{1b}'));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let home = Home::new();
    home.write(
        "vm.yaml",
        &vm(&home, "a-name-of-middling-length", "    disk: 2MiB\n").replace("    disk: 1MiB\n", ""),
    );
    home.run("apply -f {m}").ok();
    home.write(
        "vm.yaml",
        &vm(&home, "a-name-of-middling-length", "    disk: 4MiB\n    cpus: 3\n")
            .replace("    disk: 1MiB\n", ""),
    );
    for line in [
        "--help",
        "apply --help",
        "diff -f {m}",
        "get",
        "list",
        "describe a-name-of-middling-length",
        "events",
        "explain instance.spec.template",
        "explain instance.spec",
        "doctor",
        "no-such-command",
        "delete nobody --yes",
    ] {
        let Some(shown) = on_a_terminal(&home, line, "1") else { return };
        for row in shown.lines() {
            let row = row.trim_end_matches('\r');
            // A word that is wider than the terminal, such as a path, is not cut.
            let wide = row.chars().count() > 80 && row.trim().contains(' ');
            assert!(!wide, "{line}: {row}");
        }
    }
}
