//! `limekiln export`: what exists, as manifests that change nothing.

use std::fs;

use limekiln_tests::Home;

use crate::plans::vm;

#[test]
fn what_is_exported_changes_nothing_when_applied() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", "    memory: 512MiB\n    additionalDisks: [data]\n"));
    home.write(
        "disk.yaml",
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 2MiB}\n",
    );
    home.run("apply -f {m}").ok();
    let exported = home.run("export all").ok().out;
    // As if somebody else had made them.
    fs::remove_dir_all(home.lima().join("_limekiln/owners")).expect("the ledger is there");
    let elsewhere = home.lima().with_file_name("exported.yaml");
    fs::write(&elsewhere, &exported).expect("writable");
    let file = elsewhere.display();
    let strange = home.run(&format!("diff -f {file} --exit-code")).expect(2).out;
    assert!(strange.contains("--adopt"), "{strange}");
    home.run(&format!("apply --adopt -f {file}")).ok();
    home.run(&format!("diff -f {file} --exit-code")).ok();
    assert_eq!(home.run("export all").ok().out, exported);
}

#[test]
fn comments_of_the_stored_file_are_kept() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("apply -f {m}").ok();
    let stored = home.instance("vm").join("lima.yaml");
    let text = fs::read_to_string(&stored).expect("made") + "# by hand\ncpus: 3 # three\n";
    fs::write(&stored, text).expect("ours");
    let exported = home.run("export vm").ok().out;
    assert!(exported.contains("    # by hand\n    cpus: 3 # three\n"), "{exported}");
    assert!(exported.contains("  runStrategy: Halted\n"), "as its manifest says: {exported}");
    fs::remove_file(home.manifests().join("vm.yaml")).expect("ours");
    let exported = home.run("export vm").ok().out;
    assert!(exported.contains("  runStrategy: Manual\n"), "it is stopped: {exported}");
    let error = home.run("export nobody").expect(1).err;
    assert!(error.contains("instance/nobody does not exist"), "{error}");
}

#[test]
fn what_only_the_manifest_says_is_kept() {
    let home = Home::new();
    let text = vm(&home, "vm", "").replace(
        "spec:\n",
        "spec:\n  maxDisruption: Live\n  dependsOn: [{kind: Disk, name: data}]\n",
    );
    let text = text.replace("metadata: {name: vm}", "metadata: {name: vm, labels: {team: shop}}");
    home.write("vm.yaml", &text);
    home.write(
        "disk.yaml",
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data, labels: {a: b}}\nspec: {size: 2MiB}\n",
    );
    home.run("apply -f {m}").ok();
    // As a newer Lima would write it.
    let stored = home.instance("vm").join("lima.yaml");
    let text = fs::read_to_string(&stored).expect("made") + "newKey:\n- a\ncpus: 2 # mine\n";
    fs::write(&stored, text).expect("ours");
    let exported = home.run("export all").ok();
    assert!(exported.err.contains("instance/vm: left out") && exported.err.contains("newKey"));
    for line in ["team: shop", "maxDisruption: Live", "- kind: Disk", "a: b", "cpus: 2 # mine"] {
        assert!(exported.out.contains(line), "{line}: {}", exported.out);
    }
    let file = home.lima().with_file_name("exported.yaml");
    fs::write(&file, &exported.out).expect("writable");
    home.run(&format!("validate -f {}", file.display())).ok();
}
