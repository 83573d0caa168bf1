//! Plans: shown, saved, run later, refused when they no longer fit.

use limekiln_tests::Home;

/// A manifest of an instance that never starts, with further lines of its template.
pub fn vm(home: &Home, name: &str, extra: &str) -> String {
    let image = home.blank_image();
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n  runStrategy: Halted\n  template:\n    images: [{{location: {}}}]\n    disk: 1MiB\n{extra}",
        image.display()
    )
}

const DISK: &str =
    "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 2MiB}\n";

#[test]
fn a_plan_reads_well() {
    let home = Home::new();
    home.write(
        "vm.yaml",
        &vm(&home, "vm", "    cpus: 1\n    memory: 512MiB\n    additionalDisks: [data]\n"),
    );
    home.write("disk.yaml", DISK);
    let first = home.run("diff -f {m} --exit-code").expect(2).out;
    insta::assert_snapshot!(home.redact(&first));
    home.run("apply -f {m}").ok();
    home.run("diff -f {m} --exit-code").ok();
    home.write("vm.yaml", &vm(&home, "vm", "    cpus: 2\n    memory: 1GiB\n    additionalDisks: [data]\n    provision:\n    - script: |\n        #!/bin/sh\n        echo one\n"));
    home.write("disk.yaml", &DISK.replace("2MiB", "4MiB"));
    let second = home.run("diff -f {m} --exit-code").expect(2).out;
    insta::assert_snapshot!(home.redact(&second));
    home.run("apply -f {m}").ok();
    home.write("disk.yaml", DISK);
    let refused = home.run("diff -f {m} --exit-code").expect(2).out;
    insta::assert_snapshot!(home.redact(&refused));
}

#[test]
fn a_dry_run_does_nothing() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("apply -f {m} --dry-run").ok();
    assert!(!home.instance("vm").exists());
}

#[test]
fn a_saved_plan_runs_once() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("plan -f {m} -o {m}/../today.plan").ok();
    home.run("apply {m}/../today.plan").ok();
    assert!(home.instance("vm").join("disk").exists());
    let refused = home.run("apply {m}/../today.plan").expect(1).err;
    assert!(refused.contains("out of date") && refused.contains("instance/vm"), "{refused}");
    home.run("apply {m}/vm.yaml").expect(3);
}

#[test]
fn graphs_are_drawn() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", "    additionalDisks: [data]\n"));
    home.write("disk.yaml", DISK);
    insta::assert_snapshot!(home.run("graph -f {m}").ok().out);
    assert!(home.run("graph -f {m} -o dot").ok().out.starts_with("digraph"));
    assert!(home.run("graph -f {m} -o mermaid").ok().out.starts_with("flowchart"));
}

#[test]
fn deleting_needs_consent_and_can_be_undone() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("apply -f {m}").ok();
    let asked = home.run("delete vm").expect(4).err;
    assert!(asked.contains("--yes"), "{asked}");
    home.run("delete vm --yes").ok();
    assert!(!home.instance("vm").exists());
    home.run("undelete vm").ok();
    assert!(home.instance("vm").join("disk").exists());
    home.run("diff -f {m} --exit-code").ok();
}

/// Row 35: the deletion was interrupted after the object had left its place.
#[test]
fn an_interrupted_purge_is_finished_by_the_next() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("apply -f {m}").ok();
    let bin = home.lima().join("_limekiln/purge");
    std::fs::create_dir_all(bin.join("instance-old-1/half")).expect("writable");
    home.run("get").ok();
    home.run("delete vm --purge --yes").ok();
    assert!(!bin.exists() && !home.instance("vm").exists());
}

/// Lima's own text in a patch that programs can read.
#[test]
fn differences_are_patches_for_programs() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", "    cpus: 1\n"));
    home.run("apply -f {m}").ok();
    home.write("vm.yaml", &vm(&home, "vm", "    cpus: 2\n"));
    let patches: serde_json::Value =
        serde_json::from_str(&home.run("diff -f {m} -o json").ok().out).expect("JSON");
    assert_eq!(
        patches[0]["patch"],
        serde_json::json!([{"op": "replace", "path": "/cpus", "value": 2}])
    );
}

#[test]
fn two_at_once_are_one_after_the_other() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    let manifests = home.manifests().display().to_string();
    let start = || {
        home.command(&["apply", "-f", &manifests])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts")
    };
    let mut both = [start(), start()];
    for child in &mut both {
        child.wait().expect("ours");
    }
    home.run("apply -f {m}").ok();
    home.run("diff -f {m} --exit-code").ok();
}
