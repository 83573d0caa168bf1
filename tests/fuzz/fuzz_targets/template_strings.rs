//! Any text where Lima expands `{{…}}`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use limekiln_api::lima::{Mount, Provision, Text};
use limekiln_api::{HostFacts, Lima, Name, fill};

fuzz_target!(|text: &str| {
    let lima = Lima {
        param: Some([("key".to_owned(), Text::from("value"))].into()),
        provision: Some(vec![Provision { script: Some(text.to_owned()), ..Provision::default() }]),
        mounts: Some(vec![Mount {
            location: text.to_owned(),
            mount_point: Some(text.to_owned()),
            ..Mount::default()
        }]),
        message: Some(text.to_owned()),
        ..Lima::default()
    };
    let Ok(name) = Name::new("fuzz") else { return };
    let filled = fill(&lima, &name, &HostFacts::example());
    if !text.contains("{{") {
        let script = filled.provision.iter().flatten().next().and_then(|step| step.script.as_ref());
        assert_eq!(script.map(String::as_str), Some(text), "plain text stays");
    }
});
