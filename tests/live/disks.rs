//! Disks and snapshots, by manifests and by hand.

use limekiln_tests::{Home, skip};

use crate::guest::{inside, instance, tiny};

fn disk(name: &str, size: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {{name: {name}}}\nspec: {{size: {size}}}\n"
    )
}

/// Nothing here stops the guest: one boot for all of it.
#[test]
fn manifests_change_the_disks_of_a_running_vm() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    let write = |extra: &str, size: &str| {
        home.write("vm.yaml", &instance("vm", "", &tiny(&guest, extra)));
        home.write("data.yaml", &disk("data", size));
    };
    write("additionalDisks: [data]", "64MiB");
    home.run("apply -f {m} --yes").ok();
    inside(&home, "vm", "sudo dd if=/dev/urandom of=/mnt/lima-data/file bs=1M count=20 2>&1");
    let sum = inside(&home, "vm", "sha256sum </mnt/lima-data/file");
    let boot = inside(&home, "vm", "cat /proc/sys/kernel/random/boot_id");

    write("additionalDisks: [data]\ndisk: 384MiB", "160MiB");
    let plan = home.run("diff -f {m} --exit-code").expect(2).out;
    assert!(plan.contains("live") && !plan.contains("restart"), "{plan}");
    home.run("apply -f {m} --yes --max-disruption live").ok();
    let mebibytes = "df -m / /mnt/lima-data | awk 'NR > 1 {print ($2 > (NR == 2 ? 320 : 130))}'";
    assert_eq!(inside(&home, "vm", mebibytes), "1\n1");
    home.run("diff -f {m} --exit-code").ok();

    // Who uses it keeps it, and is named.
    inside(&home, "vm", "cd /mnt/lima-data && (setsid sleep 999 >/dev/null 2>&1 </dev/null &)");
    write("disk: 384MiB", "160MiB");
    let busy = home.run("apply -f {m} --yes").expect(1);
    assert!(busy.err.contains("sleep (process") || busy.out.contains("sleep (process"), "{busy:?}");
    assert_eq!(inside(&home, "vm", "sha256sum </mnt/lima-data/file"), sum);
    inside(&home, "vm", "killall sleep");
    home.run("apply -f {m} --yes").ok();
    assert!(home.run("disk list").ok().out.contains("qcow2   -"));
    write("disk: 384MiB\nadditionalDisks: [data]", "160MiB");
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "sha256sum </mnt/lima-data/file"), sum);
    home.run("diff -f {m} --exit-code").ok();
    assert_eq!(inside(&home, "vm", "cat /proc/sys/kernel/random/boot_id"), boot);

    inside(&home, "vm", "echo kept >/tmp/memory");
    home.run("snapshot create vm --tag here").ok();
    let listed = home.run("snapshot list vm").ok().out;
    assert!(listed.contains("here") && listed.contains(" MiB"), "{listed}");
    inside(&home, "vm", "sudo rm /mnt/lima-data/file /tmp/memory && sync");
    home.run("snapshot apply vm --tag here --yes").ok();
    assert_eq!(inside(&home, "vm", "sha256sum </mnt/lima-data/file"), sum);
    assert_eq!(inside(&home, "vm", "cat /tmp/memory"), "kept", "its memory is that of then");
    home.run("snapshot delete vm --tag here").ok();
    home.run("stop vm").ok();
}

/// Row 10e.
#[test]
fn a_change_that_fails_goes_back_to_what_it_was() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    let write = |extra: &str| {
        home.write("vm.yaml", &instance("vm", "", &tiny(&guest, extra)));
    };
    write("message: one");
    home.run("apply -f {m} --yes").ok();
    inside(&home, "vm", "echo before >note; sync");
    // With a restart: what the failing step did is undone, too.
    write(
        "message: one\ndisk: 320MiB\nprovision: [{mode: system, script: \"#!/bin/sh\\necho after >/home/lima.guest/note; echo after >/var/left; sync; exit 3\\n\"}]",
    );
    let failed = home.run("apply -f {m} --yes --snapshot-first").expect(1);
    assert!(failed.out.contains("vm is as it was"), "{failed:?}");
    assert_eq!(inside(&home, "vm", "cat ~/note; ls /var/left 2>/dev/null; true"), "before");
    let stored = std::fs::read_to_string(home.instance("vm").join("lima.yaml")).expect("there");
    assert!(!stored.contains("provision"), "{stored}");
    let listed = home.run("snapshot list vm").ok();
    assert!(!listed.out.contains("before-"), "{listed:?}");
    let events = home.run("events").ok().out;
    for step in ["take snapshot", "go back to snapshot", "forget snapshot"] {
        assert!(events.contains(step), "{step}: {events}");
    }
    // All is well: it is kept if asked for.
    write("message: two\ndisk: 320MiB");
    home.run("apply -f {m} --yes --snapshot-first --keep-snapshot").ok();
    assert!(home.run("snapshot list vm").ok().out.contains("before-"));
    home.run("diff -f {m} --exit-code").ok();
    home.run("stop vm").ok();
}
