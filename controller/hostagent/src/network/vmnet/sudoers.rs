//! The file that lets users start socket_vmnet as root, and nothing else.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use limekiln_api::networks_yaml::NetworksConfig;

use super::VmnetNetwork;

/// The file's text, which is Lima's byte for byte: each tool accepts what the other has written.
pub fn sudoers(config: &NetworksConfig) -> String {
    let rule = format!("%{} ALL=(root:wheel) NOPASSWD:NOSETENV:", config.group);
    let mut text = format!("{rule} {}\n", VmnetNetwork::mkdir(config));
    for network in VmnetNetwork::all(config) {
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "\n# Manage \"{}\" network daemons\n\n{rule} \\\n    {}, \\\n    {}\n",
            network.name,
            network.start(),
            network.stop()
        );
    }
    text
}

/// Whether the file may be written: what root runs without asking must not be anybody's to change.
///
/// # Errors
/// Each thing that is wrong, in words.
pub fn must_be_safe(config: &NetworksConfig) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    if !is_identifier(&config.group) {
        wrong.push(format!("`group` in networks.yaml is {:?}, which names no group", config.group));
    }
    for network in VmnetNetwork::all(config) {
        let interface = network.spec.interface.as_deref().unwrap_or_default();
        if !interface.is_empty() && !is_identifier(interface) {
            wrong.push(format!("the interface of {} is {interface:?}", network.name));
        }
    }
    let program = &config.paths.socket_vmnet;
    if program.exists() {
        wrong.extend(insecure(program));
    } else {
        wrong.push(format!("{} is missing; install socket_vmnet", program.display()));
    }
    let run = config.paths.var_run.ancestors().find(|path| path.exists());
    wrong.extend(run.and_then(insecure));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Lima's rule for what stands in a line of sudoers without quotes.
fn is_identifier(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

/// What makes a path one that others than root can exchange.
fn insecure(path: &Path) -> Option<String> {
    let shown = path.display();
    if !path.is_absolute() || path.as_os_str().as_encoded_bytes().contains(&b' ') {
        return Some(format!("{shown} is no absolute path without spaces"));
    }
    for part in path.ancestors() {
        let Ok(data) = fs::symlink_metadata(part) else { continue };
        let (part, mode) = (part.display(), data.mode());
        if data.file_type().is_symlink() {
            return Some(format!("{part} is a link; write the path that it leads to"));
        }
        if data.uid() != 0 {
            return Some(format!("{part} belongs to a user other than root"));
        }
        // A sticky directory's entries can't be exchanged by others.
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            return Some(format!("everybody can change {part}"));
        }
        if mode & 0o020 != 0 && data.gid() != 0 {
            return Some(format!("the group of {part} can change it"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_limas() {
        insta::assert_snapshot!(sudoers(&NetworksConfig::default()));
    }

    #[test]
    fn what_others_can_change_is_not_run_as_root() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("socket_vmnet");
        fs::write(&program, "").unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&program, open).unwrap();
        let mut config = NetworksConfig::default();
        config.paths.var_run = "/".into();
        config.paths.socket_vmnet = program;
        let wrong = must_be_safe(&config).unwrap_err();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        config.group = "%x ALL".to_owned();
        config.paths.socket_vmnet = "/no/such".into();
        let wrong = must_be_safe(&config).unwrap_err().join("\n");
        assert!(wrong.contains("names no group") && wrong.contains("is missing"), "{wrong}");
    }
}
