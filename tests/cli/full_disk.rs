//! Row 7: a full disk. The home is a small tmpfs in a mount namespace of its own.

use std::process::Command;
use std::time::Duration;

use limekiln_tests::{Home, Outcome, bounded};

/// Runs shell commands that find the program as `$L`, in a home of 2 MiB; `None`, and said so,
/// where this user may not mount.
fn in_small_home(home: &Home, script: &str) -> Option<Outcome> {
    std::fs::create_dir_all(home.lima()).expect("writable");
    let program = home.command(&[]).get_program().to_owned();
    let mount = "mount -t tmpfs -o size=2m,mode=0700 tmpfs \"$LIMA_HOME\" || exit 77";
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", &format!("{mount}\n{script}")])
        .env("LIMA_HOME", home.lima())
        .env("L", program)
        .current_dir(home.manifests());
    let outcome = Outcome::from(bounded::output(&mut command, Duration::from_secs(60)));
    if outcome.code == 77 || outcome.err.starts_with("unshare:") {
        println!("SKIPPED: no mount namespace: {}", outcome.err);
        return None;
    }
    Some(outcome)
}

fn vm(home: &Home, name: &str, bytes: usize) {
    let image = home.manifests().with_file_name(format!("{name}.raw"));
    std::fs::write(&image, vec![7; bytes]).expect("writable");
    let manifest = format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n  runStrategy: Halted\n  template:\n    images: [{{location: {}}}]\n    disk: 8MiB\n",
        image.display()
    );
    home.write(&format!("{name}.yaml"), &manifest);
}

#[test]
fn a_full_disk_is_named_and_what_is_removed_makes_room() {
    let home = Home::new();
    vm(&home, "small", 64 << 10);
    vm(&home, "large", 6 << 20);
    let script = r#"
        $L apply -f small.yaml || exit 1
        $L apply -f large.yaml && exit 2
        test -e "$LIMA_HOME/large" && exit 3
        ls "$LIMA_HOME/_limekiln/staging" | grep . && exit 4
        head -c 4M /dev/zero > "$LIMA_HOME/fill"
        $L get || exit 5
        # Nothing can be noted, so nothing is moved aside.
        $L delete small --yes && exit 6
        test -e "$LIMA_HOME/small" || exit 7
        # What is removed for good makes room.
        $L delete small --purge --yes || exit 8
        test -e "$LIMA_HOME/small" && exit 9
        exit 0
    "#;
    let Some(outcome) = in_small_home(&home, script) else { return };
    let said = format!("{}{}", outcome.out, outcome.err);
    assert_eq!(outcome.code, 0, "{said}");
    assert!(said.contains("No space left") && said.contains("free some space"), "{said}");
}
