//! How long manifests take, and hostile files. One JSON object per figure; `cargo xtask bench
//! manifests` holds them to their bounds.

mod hostile;

use std::fs;
use std::path::Path;
use std::time::Duration;

use limekiln_api::template::{Embedding, Fetch, FetchError, Fetched, Locator};
use limekiln_api::{
    Checks, FieldError, HostFacts, LimaVersion, Manifest, PathKind, complete, parse_documents,
    validate,
};

const COUNT: usize = 1_000;
const ROUNDS: usize = 5;

struct OneBase;

impl Fetch for OneBase {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let bytes = include_bytes!("base.yaml").to_vec();
        Ok(Fetched { bytes, place: locator.to_string() })
    }
}

fn main() {
    let pipeline = (0..ROUNDS).map(|_| manifests()).min().unwrap_or_default();
    print("manifests: 1,000 parsed, merged, filled, validated", milliseconds(pipeline));
    let (mut slowest, mut largest) = (Duration::ZERO, 0);
    for input in hostile::inputs() {
        let (time, growth) = read(&input.bytes);
        eprintln!("{:40} {:>9.3} ms {:>7} KiB", input.name, milliseconds(time), growth);
        slowest = slowest.max(time);
        largest = largest.max(growth);
    }
    print("hostile files: slowest", milliseconds(slowest));
    print("hostile files: most memory", largest as f64 / 1024.0);
}

/// Reads, merges with a base, fills and validates 1,000 manifests of 60 lines.
fn manifests() -> Duration {
    let text = include_str!("manifest.yaml");
    let lines = text.lines().count();
    assert_eq!(lines, 60, "the bound is for 60 lines");
    let texts: Vec<_> = (0..COUNT).map(|n| text.replace("NAME", &format!("vm-{n}"))).collect();
    let host = HostFacts::example();
    let embedding =
        Embedding { fetch: &OneBase, home: Path::new("/home/alice"), default_base: None };
    let checks = Checks { host: &host, look: &|_| PathKind::Directory };
    let start = used();
    for text in &texts {
        let parsed = parse_documents(text.as_bytes(), Path::new("/m/vm.yaml"));
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        for mut located in parsed.objects {
            located.embed(&embedding).expect("a good base");
            let Manifest::Instance(instance) = &located.manifest else { continue };
            let name = &instance.metadata.name;
            let filled = complete(&instance.spec.template, name, &host, &LimaVersion::current());
            let errors = validate(instance, &filled, &checks);
            assert!(!errors.iter().any(FieldError::is_error), "{errors:?}");
        }
    }
    used() - start
}

/// How long a file takes, at best of some, and by how many KiB the process grew at its peak.
fn read(bytes: &[u8]) -> (Duration, u64) {
    let before = reset_peak();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = used();
        let parsed = parse_documents(bytes, Path::new("/m/web.yaml"));
        times.push(used() - start);
        drop(parsed);
    }
    (times.into_iter().min().unwrap_or_default(), peak().saturating_sub(before))
}

/// Makes the peak what it is now, in KiB; Linux only.
fn reset_peak() -> u64 {
    // Where that is not possible the growth comes out too large, never too small.
    let _ = fs::write("/proc/self/clear_refs", "5");
    peak()
}

fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().split(' ').next()?.parse().ok()).unwrap_or_default()
}

/// Processor time of this process: other programs on the machine don't count.
fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.try_into().unwrap_or_default())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn print(name: &str, value: f64) {
    println!("{}", serde_json::json!({"name": name, "value": value}));
}
