//! A template that builds on another: the input's two halves, at the first NUL.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use limekiln_api::parse_documents;
use limekiln_api::template::{Embedding, Fetch, FetchError, Fetched, Locator};

struct One<'a>(&'a [u8]);

impl Fetch for One<'_> {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        Ok(Fetched { bytes: self.0.to_vec(), place: locator.to_string() })
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    let (top, base) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let parsed = parse_documents(top, Path::new("/m/fuzz.yaml"));
    let fetch = One(base);
    let embedding = Embedding { fetch: &fetch, home: Path::new("/home/alice"), default_base: None };
    for mut located in parsed.objects {
        match located.embed(&embedding) {
            Ok(()) => {
                let again = located.manifest.clone();
                assert!(located.embed(&embedding).is_ok(), "nothing is left to embed");
                assert_eq!(located.manifest, again);
            }
            Err(diagnostics) => {
                assert!(!diagnostics.is_empty() && !located.is_whole());
            }
        }
    }
});
