//! What a person can do where a host agent gave up.

use limekiln_hostagent::network::NetworkError;

/// What no other try mends, by the host agent's words, and what does.
const REMEDIES: [(&str, &str); 17] = [
    ("No space left", "free some space, then start it again"),
    ("ssh.localPort", "stop what listens there, or choose another ssh.localPort"),
    ("the disk is used by", "stop that instance first, or detach the disk"),
    (
        "cannot start qemu-system",
        "install QEMU for the guest's architecture; see `limekiln doctor`",
    ),
    ("QEMU_SYSTEM_", "write the program and its arguments in the words of a shell"),
    ("cannot start swtpm", "install the package swtpm, or remove `tpm`"),
    ("swtpm failed", "see swtpm.log in the instance's directory; what the TPM keeps is in swtpm/"),
    ("cannot run ssh", "install OpenSSH's client; see `limekiln doctor`"),
    ("virtiofsd is not installed", "install it, or use `mountType: 9p` or `reverse-sshfs`"),
    ("no UEFI firmware", "install it (Debian: ovmf, qemu-efi-aarch64; Fedora: edk2-ovmf)"),
    ("acl", "put the line `allow BRIDGE` into /etc/qemu/bridge.conf"),
    ("cannot join", "see \"A bridge or tap on Linux\" in docs/networks.md"),
    ("there is no network", "define it with a manifest, or with `limekiln network create`"),
    ("is the address of another VM", NetworkError::CARD_HINT),
    ("can be no VM's address", "give the card another `macAddress`"),
    ("the daemon of network/", "see the logs in $LIMA_HOME/_networks"),
    ("it can be adopted", "limekiln stop --force ends it, then start it again"),
];

/// What mends that, if anything but another try does.
pub(super) fn remedy(said: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(part, _)| said.contains(part)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words are those of a host agent whose daemon refused its VM.
    #[test]
    fn a_card_that_another_vm_has_is_told_from_a_daemon_that_fails() {
        let reason = "52:55:55:00:00:02 is the address of another VM, that of process 7".to_owned();
        let taken = NetworkError::Card { network: "lan".to_owned(), reason };
        assert_eq!(remedy(&taken.to_string()), taken.hint());
        let endpoint = |reason: &str| {
            let (network, reason) = ("lan".to_owned(), reason.to_owned());
            NetworkError::Endpoint { network, reason }.to_string()
        };
        let hint = remedy(&endpoint("400 Bad Request: 5a:94:ef:e4:0c:dd can be no VM's address"));
        assert_eq!(hint, Some("give the card another `macAddress`"));
        assert!(remedy(&endpoint("not within 5 s")).is_some_and(|hint| hint.contains("logs")));
        assert_eq!(remedy("the VM ended: before its guest began"), None);
    }
}
