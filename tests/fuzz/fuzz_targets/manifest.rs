//! Any bytes as a manifest file: read, filled, checked, printed and read again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use limekiln_api::{
    Checks, HostFacts, LimaVersion, Manifest, PathKind, complete, fill, parse_documents, read_lima,
    to_yaml, validate,
};

fuzz_target!(|bytes: &[u8]| {
    let host = HostFacts::example();
    let parsed = parse_documents(bytes, Path::new("/m/fuzz.yaml"));
    for diagnostic in &parsed.diagnostics {
        assert!(!diagnostic.to_string().is_empty());
    }
    for located in &parsed.partial {
        assert!(!located.is_whole() && !parsed.diagnostics.is_empty());
        let Manifest::Instance(instance) = &located.manifest else { continue };
        let name = &instance.metadata.name;
        let whole = complete(&instance.spec.template, name, &host, &LimaVersion::current());
        let errors = validate(instance, &whole, &Checks { host: &host, look: &|_| PathKind::File });
        for error in errors.iter().filter(|error| !located.excuses(error)) {
            assert!(!located.diagnose(error).to_string().is_empty());
        }
    }
    for located in &parsed.objects {
        let Manifest::Instance(instance) = &located.manifest else { continue };
        let name = &instance.metadata.name;
        let whole = complete(&instance.spec.template, name, &host, &LimaVersion::current());
        for error in validate(instance, &whole, &Checks { host: &host, look: &|_| PathKind::File })
        {
            assert!(!located.diagnose(&error).to_string().is_empty());
        }
        let filled = whole.lima;
        assert_eq!(fill(&filled, name, &host), filled, "filling twice changes nothing");
        let printed = to_yaml(&filled);
        let again = read_lima(&printed).expect("what is printed is YAML");
        assert_eq!(again, filled, "what is printed is read back:\n{printed}");
    }
});
