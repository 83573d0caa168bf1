//! The daemon locks itself in before it reads the first byte of a guest.
//!
//! It parses what enemies send; should one of them ever take it over, it finds no program to run,
//! no file to write but the network's own state, and nothing to read but what the C library's
//! resolver needs. On Linux: a Landlock domain for files (landlock(7)) and a seccomp filter for
//! system calls (seccomp(2)).

/// What the daemon may still do with files.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Directories in which it writes and removes: those of its state and its sockets.
    pub writable: Vec<std::path::PathBuf>,
}

#[cfg(target_os = "linux")]
pub use linux::enter;

#[cfg(target_os = "linux")]
mod linux {
    use landlock::RulesetStatus::NotEnforced;
    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, RestrictionStatus, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
    };
    use serde_json::json;

    use super::Bounds;
    use crate::Error;

    /// What the C library's resolver reads: its configuration, hosts, and modules.
    #[rustfmt::skip]
    const READABLE: [&str; 10] = [
        "/mnt/wsl/resolv.conf", "/var/lib/sss", "/etc", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/run", "/proc/self"];

    /// Locks this thread, and all that it starts, in for good.
    ///
    /// # Errors
    /// The kernel refuses. That it knows no Landlock is only said in the log.
    pub fn enter(bounds: &Bounds) -> Result<(), Error> {
        let status = files(bounds).map_err(|error| Error::Sandbox(error.to_string()))?;
        if status.ruleset == NotEnforced {
            tracing::warn!("this kernel has no Landlock: the daemon could open your files");
        }
        calls()
    }

    fn files(bounds: &Bounds) -> Result<RestrictionStatus, RulesetError> {
        let abi = ABI::V6;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = read
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::MakeReg
            | AccessFs::MakeSock
            | AccessFs::RemoveFile;
        Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .scope(Scope::Signal)?
            .create()?
            .add_rules(path_beneath_rules(READABLE, read))?
            .add_rules(path_beneath_rules(["/dev/null", "/dev/urandom"], read))?
            .add_rules(path_beneath_rules(&bounds.writable, write))?
            .restrict_self()
    }

    /// Calls with which a program takes over more than it has. All others stay: which ones the C
    /// library's resolver makes is its own business, and changes.
    #[rustfmt::skip]
    const DENIED: [&str; 40] = [
        "acct", "add_key", "bpf", "chroot", "delete_module", "execve", "execveat", "fanotify_init",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
        "io_uring_enter", "io_uring_register", "io_uring_setup", "kcmp", "kexec_load", "keyctl",
        "mount", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree",
        "perf_event_open", "personality", "pidfd_getfd", "pivot_root", "process_vm_readv",
        "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "setns", "swapon",
        "umount2", "unshare", "userfaultfd",
    ];

    /// clone(2): a thread, not a process.
    const CLONE_THREAD: u64 = 0x0001_0000;

    /// The kernel's numbers for "not permitted" and "no such call".
    const EPERM: u32 = 1;
    const ENOSYS: u32 = 38;

    fn calls() -> Result<(), Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Sandbox(error.to_string());
        let arch = std::env::consts::ARCH.try_into().map_err(|error| failed(&error))?;
        let text = filters().to_string();
        let programs = seccompiler::compile_from_json(text.as_bytes(), arch)
            .map_err(|error| failed(&error))?;
        for program in programs.values() {
            seccompiler::apply_filter(program).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// In the library's JSON, since it knows each architecture's numbers only there.
    fn filters() -> serde_json::Value {
        let calls = DENIED.iter().map(|call| json!({"syscall": call}));
        // No new process, only threads.
        let fork = json!({"syscall": "clone", "args": [
            {"index": 0, "type": "qword", "op": {"masked_eq": CLONE_THREAD}, "val": 0},
        ]});
        let denied: Vec<_> = calls.chain([fork]).collect();
        json!({
            "denied": {
                "mismatch_action": "allow",
                "match_action": {"errno": EPERM},
                "filter": denied,
            },
            // Its flags are behind a pointer, where no filter sees them; the C library then takes
            // the older call.
            "unseen": {
                "mismatch_action": "allow",
                "match_action": {"errno": ENOSYS},
                "filter": [{"syscall": "clone3"}],
            },
        })
    }
}

/// Does nothing: there is no such thing here.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: &Bounds) -> Result<(), crate::Error> {
    Ok(())
}
