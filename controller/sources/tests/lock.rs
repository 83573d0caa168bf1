//! Lock files: written, read, held against what is there now.

use std::fs;
use std::sync::Mutex;

use limekiln_api::template::{Fetch, FetchError, Fetched, Locator};
use limekiln_sources::lock::{Checked, ImageDigests, Lock, Recorder};

/// One text for every locator.
struct Text(Mutex<String>);

impl Fetch for Text {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let bytes = self.0.lock().expect("no panics").clone().into_bytes();
        Ok(Fetched { bytes, place: locator.to_string() })
    }
}

fn locator(text: &str) -> Locator {
    Locator::parse(text, "/home/alice".as_ref()).expect(text)
}

#[test]
fn texts_are_those_that_were_locked() {
    let source = Text(Mutex::new("cpus: 1".to_owned()));
    let recorder = Recorder::new(&source);
    for text in ["template:a", "https://h/a", "github:o/r/a.sh", "/a/file"] {
        recorder.fetch(&locator(text)).expect("there");
    }
    let mut lock = Lock::default();
    lock.templates = recorder.into_templates();
    assert_eq!(
        lock.templates.keys().collect::<Vec<_>>(),
        ["github:o/r/a.sh", "https://h/a", "template:a"]
    );
    let checked = Checked::new(&source, &lock);
    checked.fetch(&locator("https://h/a")).expect("as locked");
    let error = checked.fetch(&locator("https://h/b")).expect_err("never locked");
    assert!(error.message.contains("https://h/b is not in the lock file"), "{error}");
    *source.0.lock().expect("no panics") = "cpus: 2".to_owned();
    let error = checked.fetch(&locator("template:a")).expect_err("changed");
    assert!(
        error.message.contains("template:a has changed: it was locked with sha256:"),
        "{error}"
    );
    checked.fetch(&locator("/a/file")).expect("files are beside the manifests");
}

#[test]
fn lock_files_are_read_back_and_others_are_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join(Lock::FILE);
    let (one, two) = (format!("sha256:{}", "1".repeat(64)), format!("sha256:{}", "2".repeat(64)));
    let mut lock = Lock::beside(&path);
    lock.images.insert("https://h/z".to_owned(), one.clone());
    lock.images.insert("https://h/a".to_owned(), two.clone());
    lock.write(&path).expect("written");
    let text = fs::read_to_string(&path).expect("readable");
    assert_eq!(
        text,
        format!(
            "{{\n  \"version\": 1,\n  \"images\": {{\n    \"https://h/a\": \"{two}\",\n    \"https://h/z\": \"{one}\"\n  }},\n  \"templates\": {{}}\n}}\n"
        )
    );
    assert_eq!(Lock::read(&path).expect("ours"), lock);
    fs::write(&path, text.replace("\"version\": 1", "\"version\": 2")).expect("write");
    assert!(Lock::read(&path).expect_err("newer").to_string().contains("version 2"));
    fs::write(&path, "{}").expect("write");
    assert!(Lock::read(&path).expect_err("none").to_string().contains("no lock file"));
}

#[test]
fn digests_come_from_the_bytes() {
    let dir = tempfile::tempdir().expect("dir");
    let digests = ImageDigests {
        cache_dir: dir.path().join("cache"),
        home: dir.path().to_owned(),
        download: false,
    };
    // printf abc | sha256sum
    let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let file = dir.path().join("a.img");
    fs::write(&file, "abc").expect("write");
    assert_eq!(digests.of("~/a.img").expect("a file"), abc);
    assert_eq!(digests.of(&format!("file://{}", file.display())).expect("a file"), abc);
    let url = "https://example.com/a.img";
    assert!(digests.of(url).expect_err("not here").to_string().contains("never downloaded"));
    let entry = "lima/download/by-url-sha256/ENTRY";
    let folder = digests.cache_dir.join(entry.replace("ENTRY", &entry_of(url)));
    fs::create_dir_all(&folder).expect("dir");
    fs::write(folder.join("data"), "abc").expect("write");
    assert_eq!(digests.of(url).expect("downloaded"), abc);
}

fn entry_of(url: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(url.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
