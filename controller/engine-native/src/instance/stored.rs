//! What stands in `lima.yaml`.

use limekiln_api::{Lima, to_yaml};

/// The template as it is stored: as it was given, and with our defaults written out where Lima
/// has others, so that the instance is the same thing when Lima starts it.
pub(super) fn stored(template: &Lima, filled: &Lima) -> String {
    let mut stored = template.clone();
    // A Mac's Lima would take `vz`.
    if cfg!(target_os = "macos") {
        stored.vm_type.get_or_insert_with(|| "qemu".to_owned());
    }
    // Lima would fetch containerd and install it. Where `default.yaml` wants it, too, it stays as
    // it is: what is written here would outweigh that.
    if filled.containerd.as_ref().is_none_or(|containerd| containerd.user != Some(true)) {
        stored.containerd.get_or_insert_default().user.get_or_insert(false);
    }
    to_yaml(&stored)
}

#[cfg(test)]
mod tests {
    use limekiln_api::{Lima, read_lima};

    #[test]
    fn what_lima_would_add_is_written_out() {
        let read = |yaml: &str| read_lima(yaml).expect("YAML");
        let text = |yaml: &str| super::stored(&read(yaml), &Lima::default());
        assert!(text("cpus: 1").contains("containerd:\n  user: false"), "{}", text("cpus: 1"));
        let asked = text("containerd: {system: false, user: true}");
        assert!(asked.contains("user: true") && asked.contains("system: false"), "{asked}");
        let by_default = super::stored(&read("cpus: 1"), &read("containerd: {user: true}"));
        assert!(!by_default.contains("containerd"), "{by_default}");
    }
}
