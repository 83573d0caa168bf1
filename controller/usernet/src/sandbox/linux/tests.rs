//! What a process that is locked in can still do.

use std::io::ErrorKind::PermissionDenied;
use std::os::unix::process::CommandExt;
use std::process::Command;

use landlock::RulesetStatus::{self, FullyEnforced, NotEnforced};

use super::{Bounds, enter, programs};

/// In a thread: the lock is the thread's, and the tests' own process stays as it is.
fn locked_in<T: Send + 'static>(dir: &std::path::Path, tries: fn(&std::path::Path) -> T) -> T {
    let dir = dir.to_owned();
    let thread = std::thread::spawn(move || {
        let (writable, readable) = (vec![dir.join("inside")], vec![dir.join("read")]);
        enter(&Bounds { writable, readable }).unwrap();
        tries(&dir)
    });
    thread.join().unwrap()
}

#[test]
fn no_program_is_executed_and_no_process_made() {
    let dir = tempfile::tempdir().unwrap();
    let (exec, spawned) = locked_in(dir.path(), |_| {
        // If it were executed, it would take the place of the tests, and fail.
        let exec = Command::new("/bin/false").exec();
        (exec.kind(), Command::new("/bin/true").spawn().map(drop).map_err(|e| e.kind()))
    });
    assert_eq!((exec, spawned), (PermissionDenied, Err(PermissionDenied)));
    // A thread is none, and more than the test can do without.
    let joined = locked_in(dir.path(), |_| std::thread::spawn(|| 7).join().ok());
    assert_eq!(joined, Some(7));
}

#[test]
fn files_are_opened_only_where_they_are_needed() {
    if landlock() == NotEnforced {
        println!("SKIPPED: this kernel has no Landlock");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("inside")).unwrap();
    std::fs::write(dir.path().join("secret"), "of yours").unwrap();
    std::fs::create_dir(dir.path().join("read")).unwrap();
    std::fs::write(dir.path().join("read/names"), "").unwrap();
    let kinds = locked_in(dir.path(), |dir| {
        let kind = |done: std::io::Result<()>| done.err().map(|error| error.kind());
        [
            kind(std::fs::read(dir.join("secret")).map(drop)),
            kind(std::fs::write(dir.join("new"), "")),
            kind(std::fs::write("/etc/limekiln-test", "")),
            kind(std::fs::write(dir.join("inside/new"), "")),
            kind(std::fs::rename(dir.join("inside/new"), dir.join("inside/other"))),
            kind(std::fs::read("/etc/passwd").map(drop)),
            kind(std::fs::read(dir.join("read/names")).map(drop)),
            kind(std::fs::write(dir.join("read/names"), "")),
        ]
    });
    let denied = Some(PermissionDenied);
    assert_eq!(kinds, [denied, denied, denied, None, None, None, None, denied]);
}

fn landlock() -> RulesetStatus {
    let tried = || super::files(&Bounds::default()).unwrap().ruleset;
    std::thread::spawn(tried).join().unwrap()
}

#[test]
fn unix_sockets_of_others_are_reached_by_path_alone() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    let dir = tempfile::tempdir().unwrap();
    let _by_path = UnixListener::bind(dir.path().join("s")).unwrap();
    let name = dir.path().as_os_str().as_encoded_bytes().to_vec();
    let abstract_one = SocketAddr::from_abstract_name(name).unwrap();
    let _by_name = UnixListener::bind_addr(&abstract_one).unwrap();
    let (by_path, by_name) = locked_in(dir.path(), |dir| {
        let name = dir.as_os_str().as_encoded_bytes();
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let by_path = UnixStream::connect(dir.join("s")).map(drop);
        (by_path.is_ok(), UnixStream::connect_addr(&address).map(drop).is_ok())
    });
    assert!(by_path, "the resolver's services are reached so");
    if landlock() == FullyEnforced {
        assert!(!by_name);
    } else {
        println!("SKIPPED: this kernel has no Landlock, or one before its ABI 6 (6.12)");
    }
}

#[test]
fn no_other_process_gets_a_signal() {
    use rustix::process::{PidfdFlags, Signal, getpid, kill_process, kill_process_group};
    use rustix::process::{kill_current_process_group, pidfd_open, pidfd_send_signal};
    let dir = tempfile::tempdir().unwrap();
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    std::fs::write(dir.path().join("pid"), other.id().to_string()).unwrap();
    std::fs::create_dir(dir.path().join("read")).unwrap();
    std::fs::rename(dir.path().join("pid"), dir.path().join("read/pid")).unwrap();
    let (own, others) = locked_in(dir.path(), |dir| {
        let pid = std::fs::read_to_string(dir.join("read/pid")).unwrap();
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        let by_descriptor = pidfd_open(pid, PidfdFlags::empty())
            .and_then(|process| pidfd_send_signal(process, Signal::KILL));
        let others = [
            kill_process(pid, Signal::KILL),
            kill_process_group(pid, Signal::KILL),
            by_descriptor,
            // One that does nothing, should it be sent.
            kill_current_process_group(Signal::CONT),
            rustix::process::prlimit(
                Some(pid),
                rustix::process::Resource::Nofile,
                rustix::process::Rlimit { current: Some(1), maximum: Some(1) },
            )
            .map(drop),
        ];
        // SIGCONT to itself changes nothing.
        (kill_process(getpid(), Signal::CONT), others)
    });
    let alive = other.try_wait().unwrap().is_none();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(own, Ok(()));
    assert!(others.iter().all(|sent| *sent == Err(rustix::io::Errno::PERM)), "{others:?}");
    assert!(alive);
}

#[test]
fn no_sockets_but_those_of_its_work_are_made() {
    use rustix::net::{AddressFamily, Protocol, SocketType, ipproto, netlink, socket};
    let dir = tempfile::tempdir().unwrap();
    let (made, denied) = locked_in(dir.path(), |_| {
        use AddressFamily as Family;
        let sctp = std::num::NonZero::new(132).map(Protocol::from_raw);
        let make = |family, kind, protocol| {
            socket(family, kind, protocol).map(drop).map_err(|error| error.raw_os_error())
        };
        let made = [
            make(Family::INET, SocketType::STREAM, None),
            make(Family::INET, SocketType::DGRAM, Some(ipproto::UDP)),
            make(Family::UNIX, SocketType::STREAM, None),
            make(Family::NETLINK, SocketType::RAW, None),
            rustix::net::socketpair(
                Family::UNIX,
                SocketType::DGRAM,
                rustix::net::SocketFlags::CLOEXEC,
                None,
            )
            .map(drop)
            .map_err(|error| error.raw_os_error()),
        ];
        let denied = [
            make(Family::PACKET, SocketType::RAW, None),
            make(Family::VSOCK, SocketType::STREAM, None),
            make(Family::BLUETOOTH, SocketType::RAW, None),
            make(Family::from_raw(38), SocketType::SEQPACKET, None),
            make(Family::NETLINK, SocketType::RAW, Some(netlink::KOBJECT_UEVENT)),
            make(Family::INET, SocketType::RAW, Some(ipproto::ICMP)),
            make(Family::INET6, SocketType::RAW, Some(ipproto::UDP)),
            make(Family::INET, SocketType::STREAM, sctp),
            // SOCK_PACKET: a packet socket, whatever the family says. Beside it are flags.
            make(Family::INET, SocketType::from_raw(10), None),
            make(Family::INET6, SocketType::from_raw(10 | 0x80000 | 0x800), None),
            make(Family::INET, SocketType::from_raw(6), None),
            make(Family::INET, SocketType::SEQPACKET, None),
            make(Family::INET6, SocketType::from_raw(4), None),
        ];
        (made, denied)
    });
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    assert!(denied.iter().all(|made| *made == Err(super::EPERM.cast_signed())), "{denied:?}");
}

#[test]
fn of_run_only_the_resolvers_part_is_read() {
    if landlock() == NotEnforced {
        println!("SKIPPED: this kernel has no Landlock");
        return;
    }
    let Ok(secret) = tempfile::Builder::new().tempfile_in("/run") else {
        println!("SKIPPED: this user may write nothing below /run");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("read")).unwrap();
    std::fs::write(dir.path().join("read/path"), secret.path().to_str().unwrap()).unwrap();
    let (secret, listed, configuration) = locked_in(dir.path(), |dir| {
        let secret = std::fs::read_to_string(dir.join("read/path")).unwrap();
        let kind = |done: std::io::Result<()>| done.err().map(|error| error.kind());
        let secret = kind(std::fs::read(secret).map(drop));
        let listed = kind(std::fs::read_dir("/run").map(drop));
        (secret, listed, std::fs::read("/etc/resolv.conf").map(drop).is_ok())
    });
    assert_eq!((secret, listed), (Some(PermissionDenied), Some(PermissionDenied)));
    assert_eq!(configuration, std::fs::read("/etc/resolv.conf").is_ok());
}

/// What the kernel would do: the programs use no more than these steps.
fn verdict(program: &[seccompiler::sock_filter], number: u32, args: [u32; 2]) -> u32 {
    const X86_64: u32 = 0xc000_003e;
    // linux/seccomp.h, `seccomp_data`: arguments have 64 bits, the lower half first.
    let [first, second] = args;
    let data = [number, X86_64, 0, 0, first, 0, second, 0];
    let (mut at, mut value) = (0, 0);
    loop {
        let step = &program[at];
        let jump = |yes: bool| usize::from(if yes { step.jt } else { step.jf });
        at += 1 + match step.code {
            // Other arguments are zero.
            0x20 => {
                value = data.get(step.k as usize / 4).copied().unwrap_or(0);
                0
            }
            0x54 => {
                value &= step.k;
                0
            }
            0x05 => step.k as usize,
            0x15 => jump(value == step.k),
            0x25 => jump(value > step.k),
            0x35 => jump(value >= step.k),
            0x06 => return step.k,
            code => panic!("step {code:#x}"),
        };
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn older_calls_and_those_of_the_other_table_are_denied() {
    let programs = programs().unwrap();
    let denied_with = |number, args| {
        let all = programs.iter().map(|program| verdict(program, number, args));
        all.min().unwrap() != 0x7fff_0000
    };
    let denied = |number| denied_with(number, [0; 2]);
    // fork, vfork, execve; clone without CLONE_THREAD; and what x32 calls execve.
    for number in [57, 58, 59, 56, 0x4000_0000 + 520, 0x4000_0000] {
        assert!(denied(number), "{number}");
    }
    // swapoff, iopl, ioperm, kexec_file_load; adjtimex, settimeofday, clock_settime, clock_adjtime;
    // setpriority, sched_setparam, sched_setscheduler, sched_setaffinity, ioprio_set, sched_setattr.
    for number in [168, 172, 173, 320, 159, 164, 227, 305, 141, 142, 144, 203, 251, 314] {
        assert!(denied(number), "{number}");
    }
    // tkill, rt_sigqueueinfo; tgkill and kill to others, and to itself; the owner of a
    // descriptor by fcntl and ioctl, and what else these do.
    let own = std::process::id();
    assert!(denied(200) && denied(129));
    for (number, args, expected) in [
        (234, [own + 1, 0], true),
        (234, [own, 0], false),
        (62, [0, 0], true),
        (62, [u32::MAX, 0], true),
        (62, [own, 0], false),
        (72, [3, 8], true),
        (72, [3, 15], true),
        (72, [3, 4], false),
        (16, [3, 0x8901], true),
        (16, [3, 0x8902], true),
        (16, [3, 0x5421], false),
    ] {
        assert_eq!(denied_with(number, args), expected, "{number} {args:?}");
    }
    // read, write, openat, futex.
    for number in [0, 1, 257, 202] {
        assert!(!denied(number), "{number}");
    }
}
