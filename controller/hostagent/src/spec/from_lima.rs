//! From Lima's YAML to what a driver and a guest need.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use limekiln_api::lima::{AdditionalDisk, Containerd, Probe, Provision, ProvisionMode, Text};
use limekiln_api::{Arch, Lima, Name, NameError, ReadError, fill_as, mac_address, read_lima};

use super::copy::copies;
use super::nic::nics;
use super::proxy::{ProxyHost, is_loopback};
use super::{
    AttachedDisk, BootDisk, ContainerdSpec, Devices, DirectKernel, DiskFormat, Firmware, GuestSpec,
    LayerError, Nic, ReadinessProbe, Reconnect, ResolverSpec, Step, StepKind, VmSpec, host_facts,
    mounts,
};
use crate::driver::firmware;
use crate::files::InstanceFiles;
use crate::network::NetworkError;
use crate::{Error, HostAgentArgs};

/// Why a configuration can't be run.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The directory's name is no instance name.
    #[error("the directory's name is no instance name")]
    Name(#[from] NameError),
    /// What all instances have in common can't be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// `lima.yaml` can't be understood.
    #[error("lima.yaml can't be read")]
    Yaml(#[from] ReadError),
    /// A field has a value that can't be honoured.
    #[error("{field}: {reason}")]
    Field {
        /// The field's path in Lima's YAML.
        field: String,
        /// Why not.
        reason: String,
    },
    /// The networks of the home can't be read.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No UEFI image is installed.
    #[error("no UEFI firmware for {arch} was found; looked for {}", list(looked))]
    NoFirmware {
        /// The guest's architecture.
        arch: Arch,
        /// Where it was looked for.
        looked: Vec<std::path::PathBuf>,
    },
}

fn list(paths: &[std::path::PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The instance's configuration in `yaml`, with all defaults.
///
/// # Errors
/// A file can't be read.
pub fn filled(args: &HostAgentArgs, yaml: &Path) -> Result<Lima, Error> {
    let text = fs::read_to_string(yaml).map_err(Error::file("read", yaml))?;
    let lima = read_lima(&text).map_err(SpecError::from)?;
    let facts = host_facts(&args.lima_home).map_err(SpecError::from)?;
    let creator = InstanceFiles::new(&args.instance_dir).creator();
    Ok(fill_as(&lima, &name(args)?, &facts, &creator))
}

/// Resolves a filled configuration. The SSH port is the configured one, or 0 where a free one is
/// to be taken.
///
/// # Errors
/// The configuration can't be run.
pub fn resolve(args: &HostAgentArgs, lima: &Lima) -> Result<(VmSpec, GuestSpec), Error> {
    let files = InstanceFiles::new(&args.instance_dir);
    let name = name(args)?;
    let disks = attached_disks(lima, &args.lima_home)?;
    let facts = host_facts(&args.lima_home).map_err(SpecError::from)?;
    let mac = mac_address(&facts.machine_id, files.dir().as_os_str().as_encoded_bytes());
    let nics = nics(lima, &args.lima_home, mac)?;
    let vm = vm_spec(lima, &name, files, disks.clone(), nics)?;
    let mut guest = guest_spec(lima, &name, disks, vm.nics.clone())?;
    if vm.nics.first().is_some_and(|nic| nic.link.user_v2().is_some()) {
        guest.hosts = guest.resolver.lines()?;
    }
    let home = vm.mounts.iter().find(|mount| mount.location == facts.home);
    guest.host_home = home.map(|mount| mount.mount_point.clone());
    guest.env = environment(lima, &guest);
    Ok((vm, guest))
}

fn name(args: &HostAgentArgs) -> Result<Name, SpecError> {
    let dir = args.instance_dir.file_name().unwrap_or_default().to_string_lossy();
    Ok(Name::new(dir)?)
}

fn vm_spec(
    lima: &Lima,
    name: &Name,
    files: InstanceFiles,
    disks: Vec<AttachedDisk>,
    nics: Vec<Nic>,
) -> Result<VmSpec, Error> {
    let arch = lima.arch.unwrap_or(Arch::X86_64);
    let legacy = lima.firmware.as_ref().and_then(|firmware| firmware.legacy_bios) == Some(true);
    let kernel = direct_kernel(&files)?;
    let named = lima.usable_firmware().next().is_some();
    let firmware = choose_firmware(&files, arch, legacy, kernel.is_some() && !named)?;
    let path = files.disk();
    let iso = files.file("iso");
    Ok(VmSpec {
        name: name.as_str().to_owned(),
        arch,
        cpus: positive("cpus", lima.cpus.map_or(1, |cpus| cpus.0))?,
        memory_mib: lima.memory.map_or(1 << 30, |memory| memory.0) >> 20,
        cpu_model: lima.qemu_opts().cpu_type.and_then(|types| types.get(arch.word()).cloned()),
        nested: lima.nested_virtualization == Some(true),
        firmware,
        kernel,
        disk: BootDisk { format: DiskFormat::stated(&path)?, path },
        iso: iso.exists().then_some(iso),
        disks,
        devices: Devices::new(lima),
        mounts: mounts(lima),
        cidata: files.cidata(),
        ssh_port: ssh_port(lima)?,
        nics,
        reconnect: Reconnect::default(),
        files,
    })
}

/// A kernel that is started directly needs no UEFI, and starts faster without: QEMU puts it where
/// the machine's own firmware or a few instructions of its own find it. One that the template names
/// is wanted all the same.
fn choose_firmware(
    files: &InstanceFiles,
    arch: Arch,
    legacy: bool,
    direct: bool,
) -> Result<Firmware, SpecError> {
    let built_in = match arch {
        Arch::X86_64 | Arch::Armv7l => legacy || direct,
        Arch::Aarch64 | Arch::Riscv64 => direct,
        Arch::Ppc64le | Arch::S390x => true,
    };
    if built_in {
        return Ok(Firmware::BuiltIn);
    }
    firmware::find(files, arch)
        .map(Firmware::Uefi)
        .map_err(|looked| SpecError::NoFirmware { arch, looked })
}

fn direct_kernel(files: &InstanceFiles) -> Result<Option<DirectKernel>, Error> {
    let kernel = files.file("kernel");
    if !kernel.exists() {
        return Ok(None);
    }
    let cmdline = files.file("kernel.cmdline");
    let cmdline = match fs::read_to_string(&cmdline) {
        Ok(text) => text.trim_end().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::file("read", &cmdline)(error)),
    };
    let initrd = files.file("initrd");
    Ok(Some(DirectKernel { kernel, initrd: initrd.exists().then_some(initrd), cmdline }))
}

fn attached_disks(lima: &Lima, lima_home: &Path) -> Result<Vec<AttachedDisk>, Error> {
    lima.additional_disks.iter().flatten().map(|disk| attached_disk(disk, lima_home)).collect()
}

/// An additional disk of a filled configuration.
///
/// # Errors
/// It can't be read.
pub fn attached_disk(disk: &AdditionalDisk, lima_home: &Path) -> Result<AttachedDisk, Error> {
    let path = lima_home.join("_disks").join(&disk.name).join("datadisk");
    Ok(AttachedDisk {
        name: disk.name.clone(),
        serial: AttachedDisk::serial_of(&disk.name),
        format: DiskFormat::stated(&path)?,
        path,
        make_fs: disk.format != Some(false),
        fs_type: disk.fs_type.clone().unwrap_or_else(|| "ext4".to_owned()),
        fs_args: disk.fs_args.clone().unwrap_or_default(),
    })
}

fn guest_spec(
    lima: &Lima,
    name: &Name,
    disks: Vec<AttachedDisk>,
    nics: Vec<Nic>,
) -> Result<GuestSpec, SpecError> {
    let user = lima.user.clone().unwrap_or_default();
    let ssh = lima.ssh.clone().unwrap_or_default();
    let certs = lima.ca_certs.clone().unwrap_or_default();
    Ok(GuestSpec {
        name: name.as_str().to_owned(),
        hostname: name.hostname(),
        user: user.name.unwrap_or_else(|| "lima".to_owned()),
        uid: user.uid.unwrap_or(1000),
        comment: user.comment.unwrap_or_default(),
        home: user.home.unwrap_or_else(|| "/home/lima.guest".to_owned()),
        shell: user.shell.unwrap_or_else(|| "/bin/bash".to_owned()),
        passwordless_sudo: user.passwordless_sudo != Some(false),
        plain: lima.plain == Some(true),
        containerd: containerd(lima),
        install_prefix: install_prefix(lima),
        upgrade_packages: lima.upgrade_packages == Some(true),
        timezone: lima.timezone.clone().unwrap_or_default(),
        dns: lima.dns.clone().unwrap_or_default(),
        resolver: ResolverSpec::new(lima),
        hosts: Vec::new(),
        ca_certs: read_certs(certs.files.as_deref(), certs.certs)?,
        remove_default_certs: certs.remove_defaults == Some(true),
        env: texts(lima.env.as_ref()),
        param: texts(lima.param.as_ref()),
        disks,
        mounts: mounts(lima),
        skip_dependencies: lima
            .provision
            .iter()
            .flatten()
            .any(|step| step.skip_default_dependency_resolution == Some(true)),
        host_home: None,
        steps: steps(lima)?,
        probes: probes(lima),
        copies: copies(lima),
        nics,
        load_dot_ssh: ssh.load_dot_ssh_pub_keys == Some(true),
        forward_agent: ssh.forward_agent == Some(true),
        forward_x11: ssh.forward_x11 == Some(true),
        forward_x11_trusted: ssh.forward_x11_trusted == Some(true),
    })
}

/// With the proxies of this process: the variables of whoever starts the instance.
fn environment(lima: &Lima, guest: &GuestSpec) -> BTreeMap<String, String> {
    let wanted = lima.propagate_proxy_env == Some(true);
    let host = ProxyHost {
        variable: |name: &str| std::env::var(name).ok().filter(|_| wanted),
        is_here: is_loopback,
        address: guest.host_address(),
    };
    host.environment(guest.env.clone())
}

fn containerd(lima: &Lima) -> ContainerdSpec {
    let wanted = |flag: fn(&Containerd) -> Option<bool>| {
        lima.containerd.as_ref().and_then(flag) == Some(true)
    };
    ContainerdSpec { system: wanted(|it| it.system), user: wanted(|it| it.user) }
}

fn install_prefix(lima: &Lima) -> String {
    lima.guest_install_prefix.clone().unwrap_or_else(|| "/usr/local".to_owned())
}

/// The provisioning of a filled configuration, in order.
///
/// # Errors
/// A step can't be run.
pub fn steps(lima: &Lima) -> Result<Vec<Step>, SpecError> {
    lima.provision.iter().flatten().enumerate().map(step).collect()
}

fn step((index, step): (usize, &Provision)) -> Result<Step, SpecError> {
    let mode = step.mode.unwrap_or(ProvisionMode::System);
    let field = |name: &str, reason: &str| SpecError::Field {
        field: format!("provision[{index}].{name}"),
        reason: reason.to_owned(),
    };
    let text_or = |text: &Option<Text>, default: &str| {
        text.as_ref().map_or_else(|| default.to_owned(), |text| text.0.clone())
    };
    let path = || step.path.clone().ok_or_else(|| field("path", "missing"));
    let owner = || text_or(&step.owner, "root:root");
    let permissions = || text_or(&step.permissions, "644");
    let kind = match mode {
        ProvisionMode::System => StepKind::System,
        ProvisionMode::User => StepKind::User,
        ProvisionMode::Dependency => StepKind::Dependency,
        ProvisionMode::Boot => StepKind::Boot,
        ProvisionMode::Data => StepKind::Data {
            path: path()?,
            owner: owner(),
            permissions: permissions(),
            overwrite: step.overwrite != Some(false),
        },
        ProvisionMode::Yq => StepKind::Yq {
            path: path()?,
            format: step.format.clone().unwrap_or_else(|| "auto".to_owned()),
            owner: owner(),
            permissions: permissions(),
        },
        ProvisionMode::Ansible => return Err(field("mode", "this mode is not supported")),
    };
    let text = match mode {
        ProvisionMode::Data => &step.content,
        ProvisionMode::Yq => &step.expression,
        _ => &step.script,
    };
    Ok(Step { kind, text: text.clone().unwrap_or_default() })
}

/// The probes of a filled configuration.
pub fn probes(lima: &Lima) -> Vec<ReadinessProbe> {
    lima.probes.iter().flatten().map(probe).collect()
}

fn probe(probe: &Probe) -> ReadinessProbe {
    ReadinessProbe {
        description: probe.description.clone().unwrap_or_default(),
        script: probe.script.clone().unwrap_or_default(),
        hint: probe.hint.clone().unwrap_or_default(),
    }
}

fn read_certs(
    files: Option<&[String]>,
    certs: Option<Vec<String>>,
) -> Result<Vec<String>, SpecError> {
    let mut all = certs.unwrap_or_default();
    for file in files.unwrap_or_default() {
        let text = fs::read_to_string(file).map_err(|error| SpecError::Field {
            field: "caCerts.files".to_owned(),
            reason: format!("cannot read {file}: {error}"),
        })?;
        all.push(text);
    }
    Ok(all)
}

fn texts(map: Option<&BTreeMap<String, Text>>) -> BTreeMap<String, String> {
    map.into_iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect()
}

fn ssh_port(lima: &Lima) -> Result<u16, SpecError> {
    let port = lima.ssh.as_ref().and_then(|ssh| ssh.local_port).map_or(0, |port| port.0);
    u16::try_from(port).map_err(|_| SpecError::Field {
        field: "ssh.localPort".to_owned(),
        reason: format!("{port} is no port"),
    })
}

fn positive(field: &str, number: i64) -> Result<u32, SpecError> {
    u32::try_from(number).ok().filter(|&number| number > 0).ok_or_else(|| SpecError::Field {
        field: field.to_owned(),
        reason: format!("{number} is not a positive number"),
    })
}
