//! Manifests of the test guests.

use std::path::Path;

use limekiln_tests::Home;

/// The tiny guest's template, with `extra` lines below it.
pub fn tiny(guest: &Path, extra: &str) -> String {
    let file = |name: &str| guest.join(name).display().to_string();
    let mut text = format!(
        "    vmType: qemu\n    arch: x86_64\n    images:\n    - location: {}\n      arch: x86_64\n      kernel: {{location: {}, cmdline: \"console=ttyS0 quiet no_timer_check\"}}\n      initrd: {{location: {}}}\n",
        file("disk.qcow2"),
        file("vmlinuz"),
        file("initrd"),
    );
    let defaults = [("cpus:", "cpus: 1"), ("memory:", "memory: 256MiB"), ("disk:", "disk: 256MiB")];
    for (key, line) in defaults {
        if !extra.lines().any(|given| given.starts_with(key)) {
            text += &format!("    {line}\n");
        }
    }
    extra.lines().for_each(|line| text += &format!("    {line}\n"));
    text
}

/// An instance with fields of its specification.
pub fn instance(name: &str, spec: &str, template: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n{spec}  template:\n{template}"
    )
}

/// Runs a command in the guest and returns what it printed.
///
/// # Panics
/// If it fails.
pub fn inside(home: &Home, name: &str, command: &str) -> String {
    let outcome = home.call(&["shell", name, "--", "sh", "-c", command]);
    assert_eq!(outcome.code, 0, "{command}: {}", outcome.err);
    outcome.out.trim().to_owned()
}

/// Seconds since the guest's boot.
pub fn uptime(home: &Home, name: &str) -> f64 {
    let text = inside(home, name, "cat /proc/uptime");
    text.split(' ').next().and_then(|seconds| seconds.parse().ok()).expect("two numbers")
}
