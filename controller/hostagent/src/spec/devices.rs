//! Devices that a guest has only if it asks for them: a display, sound, a TPM.

use limekiln_api::Lima;

/// Devices that a guest has only if it asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// Its display.
    pub screen: Screen,
    /// Its sound card; `None` for no sound.
    pub sound: Option<Sound>,
    /// Whether it has a TPM 2.0.
    pub tpm: bool,
}

impl Devices {
    /// Those of a filled configuration.
    pub fn new(lima: &Lima) -> Self {
        Self { screen: Screen::new(lima), sound: Sound::new(lima), tpm: lima.tpm == Some(true) }
    }
}

/// Where a guest's display is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// There is none.
    #[default]
    None,
    /// By a VNC server of QEMU's, under a password of each start: address, display number and
    /// options, as QEMU's `-display vnc=…` takes them.
    Vnc(String),
    /// In a window or whatever else QEMU's `-display` takes, options included.
    Window(String),
}

impl Screen {
    /// What a filled configuration asks for.
    pub fn new(lima: &Lima) -> Self {
        let video = lima.video.clone().unwrap_or_default();
        match video.display.as_deref().unwrap_or_default() {
            "" | "none" => Self::None,
            "vnc" => Self::Vnc(video.vnc.and_then(|vnc| vnc.display).unwrap_or_default()),
            other => Self::Window(other.to_owned()),
        }
    }
}

/// A sound card, and where what it plays goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// QEMU's `-audiodev`, options included: `pa`, `alsa`, `wav,path=/tmp/x.wav`.
    pub backend: String,
    /// The card that the guest sees.
    pub card: SoundCard,
}

/// A sound card as a guest sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundCard {
    /// Intel's.
    Hda,
    /// virtio's, from QEMU 8.2 on.
    Virtio,
}

impl Sound {
    /// What a filled configuration asks for, if it does. `default` is the host's usual sound
    /// server, as Lima has it.
    pub fn new(lima: &Lima) -> Option<Self> {
        let audio = lima.audio.clone().unwrap_or_default();
        let backend = match audio.device.as_deref().unwrap_or_default() {
            "" | "none" => return None,
            "default" if cfg!(target_os = "macos") => "coreaudio".to_owned(),
            "default" => "pa".to_owned(),
            other => other.to_owned(),
        };
        let virtio = audio.interface.as_deref() == Some("virtio");
        Some(Self { backend, card: if virtio { SoundCard::Virtio } else { SoundCard::Hda } })
    }
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    use super::*;

    fn of(yaml: &str) -> Devices {
        Devices::new(&read_lima(yaml).expect("YAML"))
    }

    #[test]
    fn there_is_nothing_that_nobody_asked_for() {
        for yaml in ["", "video: {display: none, vnc: {display: ':1'}}\naudio: {device: none}"] {
            assert_eq!(of(yaml), Devices::default(), "{yaml}");
        }
    }

    #[test]
    fn what_is_asked_for_is_there() {
        let all = "tpm: true\nvideo: {display: vnc, vnc: {display: 'h:1,to=2'}}\n";
        let all = of(&format!("{all}audio: {{device: 'wav,path=x', interface: virtio}}"));
        assert!(all.tpm);
        assert_eq!(all.screen, Screen::Vnc("h:1,to=2".to_owned()));
        let wav = Sound { backend: "wav,path=x".to_owned(), card: SoundCard::Virtio };
        assert_eq!(all.sound, Some(wav));
        let window = of("video: {display: 'gtk,gl=on'}\naudio: {device: default}");
        assert_eq!(window.screen, Screen::Window("gtk,gl=on".to_owned()));
        assert!(window.sound.is_some_and(|sound| sound.card == SoundCard::Hda));
    }
}
