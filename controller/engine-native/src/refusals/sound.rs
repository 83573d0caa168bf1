//! `audio`.

use std::env;
use std::path::{Path, PathBuf};

use limekiln_api::{FieldError, Lima};
use limekiln_hostagent::driver::qemu::VIRTIO_SOUND;
use limekiln_hostagent::spec::{Sound, SoundCard};

use super::{Host, name, refused};

const FIELD: &str = "audio.device";

/// A backend must be one that QEMU has, and find the sound server or the card that it plays on:
/// QEMU starts without, and the guest would be mute.
pub(super) fn refusal(lima: &Lima, host: &Host<'_>) -> Option<FieldError> {
    let sound = Sound::new(lima)?;
    let backend = name(&sound.backend);
    if !host.qemu.lists(host.arch, "-audiodev", backend) {
        let list = host.qemu.help(host.arch, "-audiodev").unwrap_or_default();
        let list: Vec<_> = list.lines().skip(1).filter(|word| *word != "none").collect();
        let why = format!("the QEMU that is installed has no sound by `{backend}`");
        let hint = format!(
            "write one of {}; others come with a package (Debian, Ubuntu: qemu-system-gui)",
            list.join(", ")
        );
        return Some(refused(FIELD, why, hint));
    }
    if !has_outlet(&sound.backend) {
        let why = format!("this host has nothing that `{backend}` plays on");
        let hint = "start a sound server for this user, or write `none`";
        return Some(refused(FIELD, why, hint));
    }
    let old = host.qemu.version(host.arch).is_some_and(|version| version < VIRTIO_SOUND);
    (sound.card == SoundCard::Virtio && old).then(|| {
        let why = "QEMU has no virtio sound card before 8.2: the guest gets Intel's";
        refused("audio.interface", why, "write `hda`, or install a newer QEMU").warning()
    })
}

/// Whether there is something to play on, as far as that can be seen from outside.
fn has_outlet(backend: &str) -> bool {
    match name(backend) {
        // A server that is named may be on another host.
        "pa" => backend.contains("server=") || has_pulse(),
        "alsa" => Path::new("/dev/snd").exists(),
        "oss" => Path::new("/dev/dsp").exists(),
        _ => true,
    }
}

/// PulseAudio, or PipeWire in its place.
fn has_pulse() -> bool {
    let named = env::var_os("PULSE_SERVER").is_some_and(|server| !server.is_empty());
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    named || runtime.is_some_and(|dir| dir.join("pulse/native").exists())
}
