//! Manifests that are wrong, and what happens to the others.

use limekiln_tests::Home;

use crate::plans::vm;

#[test]
fn errors_are_shown_with_their_places() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", "    cpu: 2\n    os: FreeBSD\n"));
    let shown = home.run("validate -f {m}").expect(3).err;
    insta::assert_snapshot!(home.redact(&shown));
    home.write("vm.yaml", &vm(&home, "vm", "    tpm: true\n    vmType: vz\n"));
    let shown = home.run("validate -f {m}").expect(3).err;
    insta::assert_snapshot!(home.redact(&shown));
}

/// Row 23: one invalid manifest among many.
#[test]
fn the_others_are_applied() {
    let home = Home::new();
    home.write("bad.yaml", &vm(&home, "bad", "    cpus: many\n"));
    home.write("good.yaml", &vm(&home, "good", ""));
    home.run("apply -f {m}").expect(3);
    assert!(home.instance("good").join("lima.yaml").exists());
    assert!(!home.instance("bad").exists());
    // Once it exists, a manifest that breaks changes and deletes nothing.
    home.write("good.yaml", &vm(&home, "good", "    cpus: [\n"));
    home.run("apply -f {m} --prune --prune-all --yes").expect(3);
    assert!(home.instance("good").join("lima.yaml").exists());
}

/// Row 25: two files describe one object.
#[test]
fn nothing_acts_on_what_is_described_twice() {
    let home = Home::new();
    home.write("a.yaml", &vm(&home, "vm", ""));
    home.write("b.yaml", &vm(&home, "vm", "    cpus: 2\n"));
    let shown = home.run("apply -f {m}").expect(3).err;
    assert!(shown.contains("a.yaml:1") && shown.contains("b.yaml:1"), "{shown}");
    assert!(!home.instance("vm").exists());
}

/// Row 29: refused before anything is done, with the length.
#[test]
fn a_socket_path_that_is_too_long_is_refused() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, &"v".repeat(76), ""));
    let shown = home.run("apply -f {m}").expect(3).err;
    assert!(shown.contains("bytes") && shown.contains("108"), "{shown}");
}

/// Row 28, seen from outside.
#[test]
fn a_bomb_is_refused_quickly() {
    let home = Home::new();
    home.write("bomb.yaml", &"[".repeat(100_000));
    let start = std::time::Instant::now();
    home.run("validate -f {m}").expect(3);
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn sources_that_are_gone_or_empty_delete_nothing() {
    let home = Home::new();
    home.write("vm.yaml", &vm(&home, "vm", ""));
    home.run("apply -f {m}").ok();
    std::fs::remove_file(home.manifests().join("vm.yaml")).expect("ours");
    home.run("apply -f {m} --prune --yes").expect(4);
    std::fs::remove_dir(home.manifests()).expect("empty");
    home.run("apply -f {m} --prune --prune-all --yes").expect(3);
    assert!(home.instance("vm").exists());
}

#[test]
fn instances_of_others_are_not_touched() {
    let home = Home::new();
    std::fs::create_dir_all(home.instance("vm")).expect("writable");
    std::fs::write(home.instance("vm").join("lima.yaml"), "images: [{location: /x}]\ncpus: 3\n")
        .expect("writable");
    home.write("vm.yaml", &vm(&home, "vm", "    cpus: 1\n"));
    let shown = home.run("apply -f {m} --yes").expect(1).out;
    assert!(shown.contains("did not make"), "{shown}");
    home.run("delete vm --yes").expect(1);
    assert!(
        std::fs::read_to_string(home.instance("vm").join("lima.yaml"))
            .expect("there")
            .contains("cpus: 3")
    );
}
