//! Each exit code of docs/errors.md, and what must not be mixed.

use std::process::Stdio;

use limekiln_tests::Home;

use crate::plans::vm;

#[test]
fn each_exit_code_means_what_the_documentation_says() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("diff -f {m} --exit-code").expect(2);
    home.run("apply -f {m}").expect(0);
    home.run("diff -f {m} --exit-code").expect(0);
    // 1: an object cannot get where its manifest wants it.
    home.write("vm.yaml", &vm(&home, "vm", "    additionalDisks: [nowhere]\n"));
    home.run("apply -f {m}").expect(1);
    home.write("vm.yaml", &vm(&home, "vm", "    cpus: many\n"));
    home.run("apply -f {m}").expect(3);
    home.run("diff -f {m} --exit-code").expect(3);
    home.run("delete vm").expect(4);
    home.run("wait vm --for phase=Ready --timeout 1s").expect(5);
    home.run("wait vm --for phase=stopped --timeout 1s").expect(0);
    home.run("wait vm --for condition=Ready=False --timeout 1s").expect(0);
    home.run("wait instances --for phase=Stopped --timeout 1s").expect(0);
    home.run("wait nobody --for delete --timeout 1s").expect(0);
    // Of a kind of which there is nothing, nothing has come true.
    for what in ["condition=Ready", "phase=Ready"] {
        let late = home.run(&format!("wait disks --for {what} --timeout 1s")).expect(5).err;
        assert!(late.contains("there is no disk, and none is to be made"), "{late}");
    }
    home.run("wait disks --for delete --timeout 1s").expect(0);
    home.run("wait vm --for jsonpath=x").expect(3);
}

#[test]
fn a_plan_is_not_mixed_with_what_it_was_made_of() {
    let home = Home::new();
    for flag in ["-f {m}", "-R", "--prune", "--adopt", "--max-disruption live"] {
        let refused = home.run(&format!("apply today.plan {flag}")).expect(3).err;
        assert!(refused.contains("cannot be used with"), "{flag}: {refused}");
    }
    let refused = home.run("apply {m}").expect(3).err;
    assert!(refused.contains("apply -f "), "{refused}");
}

#[test]
fn nothing_to_do_is_one_line() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("apply -f {m}").ok();
    let again = home.run("apply -f {m}").ok();
    assert_eq!((again.out.lines().count(), again.err.as_str()), (1, ""), "{}", again.out);
    assert!(again.out.starts_with("Nothing to do"), "{}", again.out);
}

#[test]
fn what_is_for_programs_is_nothing_else() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    for line in ["apply -f {m} --dry-run -o json", "apply -f {m} -o json", "get -o json"] {
        let out = home.run(line).ok().out;
        let value: Result<serde_json::Value, _> = serde_json::from_str(&out);
        assert!(value.is_ok(), "{line}: {out}");
    }
    assert_eq!(home.run("get -o name").ok().out, "instance/vm\n");
}

/// `limekiln get | head -1`, and a disk that is full.
#[test]
fn output_that_nobody_takes_is_no_panic() {
    let home = Home::new();
    for line in [vec!["schema"], vec!["explain", "lima"], vec!["completion", "zsh"]] {
        let mut command = home.command(&line);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ours");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && err.is_empty(), "{line:?}: {err}");
    }
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let output = home.command(&["schema"]).stdout(full).output().expect("it starts");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && err.contains("standard output"), "{err}");
    }
}
