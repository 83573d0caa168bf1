//! Policies: what is denied, why, and what to write.

use limekiln_tests::Home;

use crate::plans::vm;

#[test]
fn every_verdict_is_told_denials_first() {
    let home = Home::new();
    home.write("web.yaml", &vm(&home, "web", "    ssh: {forwardAgent: true, localPort: 80}\n"));
    home.write(
        "data.yaml",
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 1GiB}\n",
    );
    let shown = home.run("policy test -f {m} --as-repository").expect(1);
    insta::assert_snapshot!(home.redact(&shown.out));
    assert_eq!(shown.err, "");
    let shown = home.run("policy test -f {m}").ok().out;
    assert!(shown.ends_with("2 objects, 0 denied.\n"), "{shown}");
    let names = home.run("policy test -f {m} --as-repository -o name").expect(1).out;
    assert_eq!(names, "instance/web\n");
    assert!(!home.lima().exists(), "nothing is written by looking");
}

#[test]
fn a_policy_file_decides_and_is_named() {
    let home = Home::new();
    home.write("web.yaml", &vm(&home, "web", "    ssh: {localPort: 80}\n"));
    let policy = home.manifests().with_file_name("policy.yaml");
    let root = home.blank_image().parent().expect("a directory").display().to_string();
    let images = format!("images:\n  requireDigest: false\n  roots: [{root}]\n");
    std::fs::write(&policy, &images).expect("writable");
    let test = format!("policy test -f {{m}} --policy {}", policy.display());
    let told = home.run(&format!("{test} -o json")).expect(1).out;
    let told: serde_json::Value = serde_json::from_str(&told).expect("json");
    assert_eq!(told[0]["object"], "instance/web");
    assert_eq!(told[0]["verdicts"][0]["path"], "spec.template.ssh.localPort");
    assert_eq!(told[0]["verdicts"][0]["allowed"], false);
    let more = format!("{images}portForwards: {{ports: [[80, 80]]}}\n");
    std::fs::write(&policy, more).expect("writable");
    let shown = home.run(&test).ok().out;
    assert!(shown.contains("portForwards.ports (line 4)"), "{shown}");
}

#[test]
fn what_is_wrong_with_a_policy_is_shown_and_nothing_is_judged() {
    let home = Home::new();
    home.write("web.yaml", &vm(&home, "web", ""));
    let policy = home.manifests().with_file_name("policy.yaml");
    std::fs::write(&policy, "mount: {}\nssh:\n  forwardAgent: yes\n").expect("writable");
    let told = home.run(&format!("policy test -f {{m}} --policy {}", policy.display())).expect(3);
    insta::assert_snapshot!(home.redact(&told.err));
    assert_eq!(told.out, "");
    home.run("policy test -f {m} --policy /nowhere.yaml").expect(3);
    home.run("policy test -f {m} --policy /nowhere.yaml --as-repository").expect(3);
    home.run("policy test").expect(3);
}

#[test]
fn a_manifest_that_is_wrong_is_told_as_ever() {
    let home = Home::new();
    home.write("web.yaml", &vm(&home, "web", "    cpus: many\n"));
    let told = home.run("policy test -f {m}").expect(3);
    assert!(told.err.contains("web.yaml") && told.err.contains("whole number"), "{}", told.err);
    // What it may not build on is a denial, and told once.
    let base = home.write("base.part", "cpus: 2\n");
    let text = format!("    base: {}\n", base.display());
    home.write("web.yaml", &vm(&home, "web", &text));
    let told = home.run("policy test -f {m} --as-repository").expect(1);
    assert!(
        told.out.contains("denied   base") && told.out.contains("templates.files"),
        "{}",
        told.out
    );
    assert!(!told.err.contains("error"), "{}", told.err);
}

#[test]
fn the_policy_that_is_shown_is_one_that_can_be_used() {
    let home = Home::new();
    home.write("web.yaml", &vm(&home, "web", ""));
    let closed = home.run("policy show --as-repository").ok().out;
    insta::assert_snapshot!(closed);
    let policy = home.manifests().with_file_name("policy.yaml");
    std::fs::write(&policy, &closed).expect("writable");
    let again = home.run(&format!("policy show --policy {}", policy.display())).ok().out;
    assert_eq!(again.split_once('\n').expect("lines").1, closed.split_once('\n').expect("lines").1);
    let open = home.run("policy show").ok().out;
    std::fs::write(&policy, &open).expect("writable");
    home.run(&format!("policy test -f {{m}} --policy {}", policy.display())).ok();
}
