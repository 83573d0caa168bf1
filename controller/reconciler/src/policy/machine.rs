//! The machine and what of the host's it sees.

use limekiln_api::Lima;

use super::judge::Judge;
use super::judged::of_template;

pub(super) fn judge(judge: &mut Judge<'_>, lima: &Lima) {
    let rules = &judge.rules().machine;
    let drivers = lima.vm_type.iter().map(|driver| ("vmType".to_owned(), driver));
    let options = lima.vm_opts.iter().flatten().filter(|(_, value)| !value.is_null());
    let options = options.map(|(driver, _)| (format!("vmOpts.{driver}"), driver));
    for (path, driver) in drivers.chain(options) {
        judge.pattern(&rules.drivers, "machine.drivers", &of_template(path), driver);
    }
    for (arch, model) in lima.qemu_opts().cpu_type.iter().flatten() {
        if !model.is_empty() {
            let path = of_template(format!("vmOpts.qemu.cpuType.{arch}"));
            judge.pattern(&rules.cpu_types, "machine.cpuTypes", &path, model);
        }
    }
    devices(judge, lima);
    let nested = lima.nested_virtualization == Some(true);
    let (rule, path) = ("machine.nestedVirtualization", of_template("nestedVirtualization"));
    let why = "the guest would use the host's accelerator itself";
    judge.flag(rules.nested_virtualization, rule, &path, nested, why);
}

/// QEMU takes options after the names, and among them are paths and addresses.
fn devices(judge: &mut Judge<'_>, lima: &Lima) {
    let rules = &judge.rules().machine;
    let audio = lima.audio.as_ref().and_then(|audio| audio.device.as_deref());
    if let Some(device) = audio.filter(|device| !device.is_empty()) {
        judge.pattern(&rules.audio, "machine.audio", &of_template("audio.device"), device);
    }
    let Some(video) = &lima.video else { return };
    let display = video.display.as_deref().filter(|display| !display.is_empty());
    let Some(display) = display else { return };
    judge.pattern(&rules.displays, "machine.displays", &of_template("video.display"), display);
    let vnc = video.vnc.as_ref().and_then(|vnc| vnc.display.as_deref());
    if let Some(vnc) = vnc.filter(|vnc| !vnc.is_empty() && display != "none") {
        judge.pattern(&rules.vnc, "machine.vnc", &of_template("video.vnc.display"), vnc);
    }
}
