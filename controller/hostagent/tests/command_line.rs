//! QEMU's command lines, for each architecture and way to start.

use limekiln_api::{Arch, NetworkSpec};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::accel::Accelerator;
use limekiln_hostagent::driver::qemu::command_line;
use limekiln_hostagent::network::{Daemon, NetworkFiles};
use limekiln_hostagent::spec::{
    AttachedDisk, BootDisk, Devices, DirectKernel, DiskFormat, Firmware, Link, MountKind,
    MountSpec, Nic, Reconnect, Screen, Sound, SoundCard, UserV2, VmSpec,
};

fn spec(arch: Arch, firmware: Firmware) -> VmSpec {
    let files = InstanceFiles::new("/lima/web");
    VmSpec {
        name: "web".to_owned(),
        arch,
        cpus: 2,
        memory_mib: 4096,
        cpu_model: None,
        nested: false,
        firmware,
        kernel: None,
        disk: BootDisk { path: files.disk(), format: DiskFormat::Qcow2 },
        iso: None,
        disks: Vec::new(),
        devices: Devices::default(),
        mounts: Vec::new(),
        cidata: files.cidata(),
        ssh_port: 60022,
        nics: vec![Nic {
            id: "net0".to_owned(),
            mac: "52:55:55:01:02:03".to_owned(),
            interface: "eth0".to_owned(),
            metric: 200,
            link: Link::User,
        }],
        reconnect: Reconnect::default(),
        files,
    }
}

fn uefi() -> Firmware {
    Firmware::Uefi("/usr/share/CODE.fd".into())
}

/// One option and its value per line.
fn render(spec: &VmSpec, accelerator: Accelerator) -> String {
    let mut text = String::new();
    for word in command_line(spec, accelerator) {
        let word = word.to_string_lossy();
        text.push_str(if word.starts_with('-') { "\n" } else { " " });
        text.push_str(&word);
    }
    text
}

#[test]
fn x86_64_kvm_uefi() {
    insta::assert_snapshot!(render(&spec(Arch::X86_64, uefi()), Accelerator::Kvm));
}

#[test]
fn x86_64_tcg_legacy_bios() {
    insta::assert_snapshot!(render(&spec(Arch::X86_64, Firmware::BuiltIn), Accelerator::Tcg));
}

#[test]
fn x86_64_hvf_takes_the_hosts_processor() {
    let text = render(&spec(Arch::X86_64, uefi()), Accelerator::Hvf);
    assert!(text.contains("-cpu host\n-machine q35,accel=hvf\n"), "{text}");
}

#[test]
fn direct_kernel_boot() {
    let mut spec = spec(Arch::X86_64, Firmware::BuiltIn);
    spec.kernel = Some(DirectKernel {
        kernel: "/lima/web/kernel".into(),
        initrd: Some("/lima/web/initrd".into()),
        cmdline: "console=ttyS0 quiet".to_owned(),
    });
    insta::assert_snapshot!(render(&spec, Accelerator::Tcg));
}

#[test]
fn further_disks_an_iso_and_a_chosen_processor() {
    let mut spec = spec(Arch::X86_64, uefi());
    spec.cpu_model = Some("Haswell-v4".to_owned());
    spec.iso = Some("/lima/web/iso".into());
    for (name, format) in [("data", DiskFormat::Qcow2), ("a,b", DiskFormat::Raw)] {
        spec.disks.push(AttachedDisk {
            name: name.to_owned(),
            serial: AttachedDisk::serial_of(name),
            path: format!("/lima/_disks/{name}/datadisk").into(),
            format,
            make_fs: true,
            fs_type: "ext4".to_owned(),
            fs_args: Vec::new(),
        });
    }
    insta::assert_snapshot!(render(&spec, Accelerator::Tcg));
}

#[test]
fn other_architectures() {
    insta::assert_snapshot!("aarch64", render(&spec(Arch::Aarch64, uefi()), Accelerator::Tcg));
    insta::assert_snapshot!("armv7l", render(&spec(Arch::Armv7l, uefi()), Accelerator::Tcg));
    insta::assert_snapshot!("riscv64", render(&spec(Arch::Riscv64, uefi()), Accelerator::Tcg));
    let built_in = |arch| render(&spec(arch, Firmware::BuiltIn), Accelerator::Tcg);
    insta::assert_snapshot!("ppc64le", built_in(Arch::Ppc64le));
    insta::assert_snapshot!("s390x", built_in(Arch::S390x));
}

/// The lines that a spec adds to the usual ones, or has instead of them.
fn differs(spec: &VmSpec, usual: &VmSpec) -> String {
    let usual = render(usual, Accelerator::Tcg);
    let usual: Vec<_> = usual.lines().collect();
    let text = render(spec, Accelerator::Tcg);
    text.lines().filter(|line| !usual.contains(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_display_sound_and_a_tpm() {
    let usual = spec(Arch::X86_64, uefi());
    let mut all = usual.clone();
    all.devices = Devices {
        screen: Screen::Vnc("127.0.0.1:0,to=9".to_owned()),
        sound: Some(Sound { backend: "pa".to_owned(), card: SoundCard::Hda }),
        tpm: true,
    };
    insta::assert_snapshot!(differs(&all, &usual));
    let usual = spec(Arch::Aarch64, uefi());
    let mut window = usual.clone();
    window.devices = Devices {
        screen: Screen::Window("gtk".to_owned()),
        sound: Some(Sound { backend: "alsa".to_owned(), card: SoundCard::Virtio }),
        tpm: true,
    };
    insta::assert_snapshot!("in_a_window", differs(&window, &usual));
}

/// VNC needs no other programs, so a guest that breaks out gets none.
#[test]
fn only_desktops_start_programs() {
    let mut spec = spec(Arch::X86_64, uefi());
    spec.devices.screen = Screen::Vnc("127.0.0.1:0".to_owned());
    assert!(render(&spec, Accelerator::Tcg).contains("spawn=deny"));
    spec.devices.screen = Screen::Window("sdl".to_owned());
    assert!(render(&spec, Accelerator::Tcg).contains("spawn=allow"));
}

#[test]
fn guests_of_the_guest() {
    let mut arm = spec(Arch::Aarch64, uefi());
    arm.nested = true;
    let text = render(&arm, Accelerator::Tcg);
    assert!(text.contains("-machine virt,virtualization=on,accel=tcg"), "{text}");
    assert!(render(&arm, Accelerator::Kvm).contains("-machine virt,accel=kvm"));
}

#[test]
fn the_hosts_processor_is_not_emulated() {
    let mut spec = spec(Arch::X86_64, uefi());
    spec.cpu_model = Some("host,-avx512vl".to_owned());
    assert!(render(&spec, Accelerator::Kvm).contains("-cpu host,-avx512vl\n"));
    assert!(render(&spec, Accelerator::Tcg).contains("-cpu max\n"));
}

fn mount(location: &str, writable: bool, kind: MountKind) -> MountSpec {
    MountSpec { location: location.into(), mount_point: "/mnt/x".to_owned(), writable, kind }
}

#[test]
fn directories_by_9p() {
    let kind = || MountKind::NineP {
        security_model: "mapped-xattr".to_owned(),
        protocol_version: "9p2000.L".to_owned(),
        msize: 1 << 17,
        cache: "mmap".to_owned(),
    };
    let mut spec = spec(Arch::X86_64, uefi());
    spec.mounts = vec![mount("/a,b", true, kind()), mount("/c", false, kind())];
    insta::assert_snapshot!(render(&spec, Accelerator::Tcg));
}

#[test]
fn directories_by_virtiofs() {
    let mut spec = spec(Arch::X86_64, uefi());
    spec.mounts = vec![mount("/a", true, MountKind::Virtiofs { queue_size: 512 })];
    insta::assert_snapshot!(render(&spec, Accelerator::Kvm));
}

fn card(id: &str, link: Link) -> Nic {
    let (mac, interface) = (format!("52:55:55:00:00:0{}", &id[3..]), format!("lima{}", &id[3..]));
    Nic { id: id.to_owned(), mac, interface, metric: 100, link }
}

fn user_v2(name: &str) -> Link {
    let files = NetworkFiles::new("/lima".as_ref(), name);
    Link::UserV2(UserV2 {
        name: name.to_owned(),
        spec: NetworkSpec::default(),
        daemon: Daemon::new(files),
    })
}

#[test]
fn a_guest_on_a_user_v2_network_waits_until_it_is_introduced() {
    let mut spec = spec(Arch::X86_64, uefi());
    let waits = |spec: &VmSpec| render(spec, Accelerator::Tcg).lines().any(|line| line == "-S");
    assert!(!waits(&spec), "nobody is told of it");
    spec.nics = vec![card("net0", Link::User), card("net2", user_v2("team"))];
    assert!(waits(&spec));
}

#[test]
fn cards_on_networks() {
    let mut spec = spec(Arch::X86_64, uefi());
    spec.nics = vec![
        card("net0", user_v2("team")),
        card("net2", user_v2("a,b")),
        card("net3", Link::Socket("/run/own.sock".into())),
        card("net4", Link::Bridge("br0".to_owned())),
        card("net5", Link::Tap("tap7".to_owned())),
        card("net6", Link::Bridge("br1".to_owned())),
    ];
    let cards = |spec: &VmSpec| {
        let text = render(spec, Accelerator::Tcg);
        let lines = text.lines().filter(|line| line.contains("net"));
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("behind_hubs", cards(&spec));
    spec.nics.truncate(2);
    spec.reconnect = Reconnect::Seconds;
    insta::assert_snapshot!("by_qemu", cards(&spec));
    spec.reconnect = Reconnect::Milliseconds;
    assert!(cards(&spec).contains(",reconnect-ms=200"), "{}", cards(&spec));
}

/// With one processor only, QEMU would translate it as if no device looked at its memory.
#[test]
fn a_lone_emulated_processor_has_room_for_another() {
    let alone = |arch, accelerator| {
        let text = render(&VmSpec { cpus: 1, ..spec(arch, uefi()) }, accelerator);
        let smp = text.lines().find(|line| line.starts_with("-smp")).expect("it has processors");
        smp.to_owned()
    };
    let with_room = "-smp 1,maxcpus=2,sockets=1,cores=2,threads=1";
    assert_eq!(alone(Arch::X86_64, Accelerator::Tcg), with_room);
    assert_eq!(alone(Arch::Aarch64, Accelerator::Tcg), with_room);
    assert_eq!(alone(Arch::X86_64, Accelerator::Kvm), "-smp 1,sockets=1,cores=1,threads=1");
}
