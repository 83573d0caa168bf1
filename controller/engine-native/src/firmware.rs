//! The UEFI image that a template names, in its instance's directory.

use std::fs;
use std::io;
use std::path::Path;

use limekiln_api::Lima;
use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::{InstanceFiles, atomic};

use crate::error::{file, write};
use crate::images::{Images, unpack};

/// Beside it: what it came from. Ours; Lima takes every image that is there.
const ORIGIN: &str = "qemu-efi-code.from";

/// Puts the image that the filled template names where QEMU is told to find it, unless it is there
/// already; takes away one that is no longer wanted. One that Lima put there stays.
pub(crate) async fn place(
    images: &Images,
    filled: &Lima,
    files: &InstanceFiles,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let (image, origin) = (files.firmware(), files.file(ORIGIN));
    let known = fs::read_to_string(&origin).ok();
    let wanted = origin_of(filled);
    if image.exists() && (known.is_none() || known == wanted) {
        return Ok(());
    }
    for path in [&origin, &image] {
        remove(path)?;
    }
    let fetched = images.fetch_firmware(filled, false, context).await?;
    let (Some((location, packed)), Some(wanted)) = (fetched, wanted) else { return Ok(()) };
    let new = files.file("qemu-efi-code.tmp");
    remove(&new)?;
    unpack(&packed, &location, &new, 0, context).await?;
    atomic::write(&origin, wanted.as_bytes(), 0o644).map_err(write)?;
    fs::rename(&new, &image).map_err(file("rename", &new))
}

/// All that decides what is fetched, one line for each image.
fn origin_of(filled: &Lima) -> Option<String> {
    let line = |location: &str, digest: Option<&str>| {
        format!("{location} {}\n", digest.unwrap_or_default())
    };
    let images = filled.usable_firmware();
    let lines: String = images.map(|one| line(&one.location, one.digest.as_deref())).collect();
    (!lines.is_empty()).then_some(lines)
}

fn remove(path: &Path) -> Result<(), EngineError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    use super::*;

    #[tokio::test]
    async fn the_image_that_is_named_is_the_one_that_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let images = Images::new(&dir.path().join("cache"), dir.path());
        let files = InstanceFiles::new(dir.path());
        let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        put("one.fd", "one");
        put("two.fd", "two");
        let named = async |name: &str, more: &str| {
            let location = dir.path().join(name);
            let image = format!("{{location: {}, arch: x86_64{more}}}", location.display());
            let other = "{location: /none, arch: aarch64}, {location: /none, vmType: vz}";
            let yaml = format!("arch: x86_64\nfirmware: {{images: [{other}, {image}]}}");
            let lima = read_lima(&yaml).expect("YAML");
            place(&images, &lima, &files, &ActionContext::silent()).await
        };
        let found = || fs::read_to_string(files.firmware()).ok();
        named("one.fd", "").await.expect("placed");
        assert_eq!(found().as_deref(), Some("one"));
        put("one.fd", "changed");
        named("one.fd", "").await.expect("there");
        assert_eq!(found().as_deref(), Some("one"), "it is not fetched again");
        named("two.fd", "").await.expect("placed");
        assert_eq!(found().as_deref(), Some("two"));

        let digest = format!(", digest: 'sha256:{}'", "0".repeat(64));
        let error = named("one.fd", &digest).await.expect_err("another digest");
        assert!(error.chain().contains("sha256:0000"), "{}", error.chain());
        assert_eq!(found(), None);
        named("two.fd", "").await.expect("placed");
        let none = Lima::default();
        place(&images, &none, &files, &ActionContext::silent()).await.expect("none");
        assert_eq!(found(), None, "nobody wants it any more");
        put("qemu-efi-code.fd", "Lima's");
        place(&images, &none, &files, &ActionContext::silent()).await.expect("none");
        assert_eq!(found().as_deref(), Some("Lima's"));
    }
}
