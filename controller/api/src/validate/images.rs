//! Rules about images and other files that are fetched.

use super::FieldError;
use super::error::template;
use crate::Lima;
use crate::lima::Arch;

pub(super) fn check(lima: &Lima, errors: &mut Vec<FieldError>) {
    let images = lima.images.as_deref().unwrap_or_default();
    if images.is_empty() {
        template(errors, "images", "at least one image is needed");
        return;
    }
    for (index, image) in images.iter().enumerate() {
        let path = format!("images[{index}]");
        file(&path, &image.location, image.digest.as_deref(), errors);
        if let Some(kernel) = &image.kernel {
            file(&format!("{path}.kernel"), &kernel.location, kernel.digest.as_deref(), errors);
            same_arch(&format!("{path}.kernel.arch"), kernel.arch, image.arch, errors);
        }
        if let Some(initrd) = &image.initrd {
            file(&format!("{path}.initrd"), &initrd.location, initrd.digest.as_deref(), errors);
            same_arch(&format!("{path}.initrd.arch"), initrd.arch, image.arch, errors);
        }
    }
    if lima.usable_images().next().is_none() {
        let arch = lima.arch.map_or("the host's", Arch::word);
        template(errors, "images", format!("no image is for the architecture {arch}"));
    }
}

fn same_arch(path: &str, arch: Option<Arch>, image: Option<Arch>, errors: &mut Vec<FieldError>) {
    if arch.is_some() && arch != image {
        template(errors, path, "must be the image's architecture");
    }
}

fn file(path: &str, location: &str, digest: Option<&str>, errors: &mut Vec<FieldError>) {
    let field = format!("{path}.location");
    if location.is_empty() {
        template(errors, &field, "cannot be empty");
    } else if location.starts_with('~') && location != "~" && !location.starts_with("~/") {
        template(errors, &field, "another user's home cannot be expanded");
    } else if let Some((scheme, _)) = location.split_once("://")
        && !matches!(scheme, "http" | "https" | "file")
    {
        template(
            errors,
            &field,
            format!("`{scheme}://` is not supported: http, https and file are"),
        );
    }
    if let Some(problem) = digest.and_then(digest_problem) {
        template(errors, &format!("{path}.digest"), problem);
    }
}

fn digest_problem(digest: &str) -> Option<String> {
    let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, ""));
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => {
            return Some(
                "must be sha256:, sha384: or sha512: and lower-case hexadecimal digits".to_owned(),
            );
        }
    };
    let lower_hex = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let good = hex.len() == length && lower_hex;
    (!good).then(|| {
        format!(
            "{algorithm} is followed by {length} lower-case hexadecimal digits, not {}",
            hex.len()
        )
    })
}
