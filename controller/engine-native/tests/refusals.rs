//! What is refused when it is planned, on the QEMU of this host.

use limekiln_api::{FieldError, Lima, read_lima};
use limekiln_engine::Engine;
use limekiln_engine_native::{NativeConfig, NativeEngine, host_facts};

/// What is said against a template: `ERROR PATH: WHY` or `warning PATH: WHY`, and the hints.
fn said(yaml: &str) -> Vec<FieldError> {
    let dir = tempfile::tempdir().expect("a directory");
    let engine = NativeEngine::new(NativeConfig {
        facts: host_facts(dir.path()).expect("a home without files"),
        cache_dir: dir.path().join("cache"),
        usernet_exe: "/none".into(),
        agent_exe: "/none".into(),
    });
    let lima: Lima = read_lima(yaml).expect("YAML");
    engine.refusals(&lima)
}

fn has_qemu(program: &str) -> bool {
    let found = std::process::Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("SKIPPED: {program} is not installed");
    }
    found
}

/// That one field alone is refused, with these words and this hint.
fn refused(yaml: &str, field: &str, words: &str, hint: &str) {
    let said = said(yaml);
    let [one] = said.as_slice() else { panic!("{yaml}: {said:?}") };
    assert_eq!(one.path, format!("spec.template.{field}"), "{yaml}");
    assert!(one.is_error() && one.message.contains(words), "{yaml}: {}", one.message);
    let given = one.hint.as_deref().unwrap_or_default();
    assert!(given.contains(hint), "{yaml}: {given}");
}

#[test]
fn nothing_is_said_against_what_works() {
    for yaml in [
        "",
        "video: {display: none}\naudio: {device: none}",
        "video: {display: vnc, vnc: {display: '127.0.0.1:0,to=9'}}",
        "audio: {device: 'wav,path=/dev/null', interface: hda}",
        "vmOpts: {qemu: {minimumVersion: 4.0.0, cpuType: {x86_64: 'Haswell,-avx2'}}}",
        "vmOpts: {qemu: {cpuType: {x86_64: host}}}\narch: x86_64",
        "firmware: {legacyBIOS: true}",
        "arch: aarch64\nvmOpts: {qemu: {cpuType: {aarch64: cortex-a72}}}",
    ] {
        assert_eq!(said(yaml), [], "{yaml}");
    }
}

#[test]
fn a_display_needs_a_qemu_and_a_desktop_that_can_show_it() {
    if !has_qemu("qemu-system-x86_64") {
        return;
    }
    let field = "video.display";
    let on = |display: &str| format!("arch: x86_64\nvideo: {{display: '{display}'}}");
    refused(&on("curses"), field, "no terminal", "vnc");
    refused(&on("nonsense,gl=on"), field, "cannot show a display by `nonsense`", "vnc");
    // Either it lacks the window, or there is no desktop; on one that has both, it is right.
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].map(std::env::var_os).iter().any(Option::is_some);
    if !desktop {
        for window in ["gtk", "sdl", "default"] {
            refused(&on(window), field, "", "vnc");
        }
    }
}

#[test]
fn sound_needs_a_qemu_that_has_it() {
    if !has_qemu("qemu-system-x86_64") {
        return;
    }
    let yaml = "arch: x86_64\naudio: {device: nonsense}";
    refused(yaml, "audio.device", "no sound by `nonsense`", "wav");
}

#[test]
fn a_qemu_that_is_too_old_is_told() {
    if !has_qemu("qemu-system-x86_64") {
        return;
    }
    let yaml = "arch: x86_64\nvmOpts: {qemu: {minimumVersion: 999.0.0}}";
    refused(yaml, "vmOpts.qemu.minimumVersion", "that is installed is ", "999.0.0");
}

#[test]
fn a_processor_that_qemu_does_not_know_is_told() {
    if !has_qemu("qemu-system-aarch64") {
        return;
    }
    let yaml = "arch: aarch64\nvmOpts: {qemu: {cpuType: {aarch64: 'Haswell,+x', x86_64: no}}}";
    refused(yaml, "vmOpts.qemu.cpuType.aarch64", "no processor \"Haswell\"", "-cpu help");
}

#[test]
fn guests_of_guests_are_for_some_machines() {
    let yaml = "arch: riscv64\nnestedVirtualization: true";
    refused(yaml, "nestedVirtualization", "riscv64", "remove");
}

/// Where it is installed, nothing is said.
#[test]
fn a_tpm_needs_swtpm() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join("swtpm").exists()) {
        assert_eq!(said("tpm: true"), []);
    } else {
        refused("tpm: true", "tpm", "swtpm is not installed", "install");
    }
}

/// Another engine's.
#[test]
fn other_hypervisors_are_left_alone() {
    assert_eq!(said("vmType: vz\nvideo: {display: curses}"), []);
}

#[test]
fn an_expression_must_be_one_that_the_guest_agent_understands() {
    let step = |rest: &str| format!("provision: [{{mode: yq, path: /etc/a.json, {rest}}}]");
    assert_eq!(said(&step("expression: '.a.b-c = 1'")), []);
    let field = "provision[0].expression";
    refused(&step("expression: '.a ='"), field, "lacks a term at its end", "system");
    refused(&step("expression: '.a = strenv(HOME)'"), field, "`strenv`", "system");
    let xml = step("expression: '.a = 1', format: xml");
    refused(&xml, "provision[0].format", "\"xml\" is not known", "system");
    let plain = format!("plain: true\n{}", step("expression: '.a = 1'"));
    refused(&plain, "provision[0].mode", "no guest agent", "data");
}
