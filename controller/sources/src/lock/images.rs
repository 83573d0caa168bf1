//! The images of a template, and what a lock says of them.

use limekiln_api::lima::{File, FirmwareImage, Image};
use limekiln_api::{Arch, FieldError, Lima};

use super::Lock;

/// A file that an instance may be made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeededImage {
    /// URL or path, as the template writes it.
    pub location: String,
    /// The digest that the template wants.
    pub digest: Option<String>,
}

/// All files that an instance of the template may be made from: images with their kernels and
/// RAM disks, firmware, archives.
pub fn needed_images(template: &Lima) -> Vec<NeededImage> {
    let mut needed = Vec::new();
    let mut note =
        |parts: Vec<Part<'_>>| {
            needed.extend(parts.into_iter().map(|Part { location, digest, .. }| NeededImage {
                location,
                digest: digest.clone(),
            }));
        };
    let mut template = template.clone();
    template.images.iter_mut().flatten().for_each(|image| note(parts_of_image(image, "")));
    let firmware = template.firmware.iter_mut().flat_map(|firmware| &mut firmware.images);
    firmware.flatten().for_each(|image| note(parts_of_firmware(image, "")));
    let containerd = template.containerd.iter_mut().flat_map(|containerd| &mut containerd.archives);
    containerd.flatten().for_each(|archive| note(parts_of_file(archive, "")));
    needed
}

/// A file and the place of its digest.
struct Part<'a> {
    /// The field, below the template.
    path: String,
    location: String,
    digest: &'a mut Option<String>,
}

fn parts_of_image<'a>(image: &'a mut Image, path: &str) -> Vec<Part<'a>> {
    let mut parts = vec![Part {
        path: path.to_owned(),
        location: image.location.clone(),
        digest: &mut image.digest,
    }];
    if let Some(kernel) = &mut image.kernel {
        let (path, location) = (format!("{path}.kernel"), kernel.location.clone());
        parts.push(Part { path, location, digest: &mut kernel.digest });
    }
    if let Some(initrd) = &mut image.initrd {
        parts.extend(parts_of_file(initrd, &format!("{path}.initrd")));
    }
    parts
}

fn parts_of_firmware<'a>(image: &'a mut FirmwareImage, path: &str) -> Vec<Part<'a>> {
    let (path, location) = (path.to_owned(), image.location.clone());
    vec![Part { path, location, digest: &mut image.digest }]
}

fn parts_of_file<'a>(file: &'a mut File, path: &str) -> Vec<Part<'a>> {
    let (path, location) = (path.to_owned(), file.location.clone());
    vec![Part { path, location, digest: &mut file.digest }]
}

impl Lock {
    /// Writes the locked digests into the template, so that whoever fetches an image refuses other
    /// bytes. An image without a digest, here and there, is a fallback that nobody can vouch for:
    /// it is left out.
    ///
    /// Returns what the template wants and the lock does not have, or has differently. `host` is
    /// the architecture of an instance whose template names none.
    pub fn pin(&self, template: &mut Lima, host: Arch) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let before = usable(template, host);
        if let Some(images) = &mut template.images {
            self.pin_list(images, "images", parts_of_image, &mut errors);
        }
        if let Some(images) = template.firmware.as_mut().and_then(|some| some.images.as_mut()) {
            self.pin_list(images, "firmware.images", parts_of_firmware, &mut errors);
        }
        if let Some(list) = template.containerd.as_mut().and_then(|some| some.archives.as_mut()) {
            self.pin_list(list, "containerd.archives", parts_of_file, &mut errors);
        }
        if errors.is_empty() && before > 0 && usable(template, host) == 0 {
            errors.push(unlocked(template.arch.unwrap_or(host)));
        }
        errors
    }

    fn pin_list<T>(
        &self,
        list: &mut Vec<T>,
        field: &str,
        parts: for<'a> fn(&'a mut T, &str) -> Vec<Part<'a>>,
        errors: &mut Vec<FieldError>,
    ) {
        let mut index = 0;
        list.retain_mut(|item| {
            let mut known = true;
            for part in parts(item, &format!("{field}[{index}]")) {
                match self.pin_part(part) {
                    Ok(pinned) => known &= pinned,
                    Err(error) => errors.push(error),
                }
            }
            index += 1;
            known
        });
    }

    /// Whether the file's digest is known now.
    fn pin_part(&self, part: Part<'_>) -> Result<bool, FieldError> {
        let Part { path, location, digest } = part;
        let refuse = |message: String, hint: &str| {
            Err(FieldError::new(format!("spec.template.{path}.digest"), message).hint(hint))
        };
        match (self.image(&location), &*digest) {
            (Some(locked), None) => {
                *digest = Some(locked.clone());
                Ok(true)
            }
            (Some(locked), Some(own)) if locked == own => Ok(true),
            (Some(locked), Some(own)) => refuse(
                format!("{location} was locked with {locked}, and the template wants {own}"),
                "if the image was changed on purpose, `limekiln lock` with the same -f accepts it",
            ),
            (None, Some(_)) => refuse(
                format!("{location} is not in the lock file"),
                "`limekiln lock` with the same -f adds it",
            ),
            (None, None) => Ok(false),
        }
    }
}

/// How many images an instance may be made from.
fn usable(template: &Lima, host: Arch) -> usize {
    let wanted = template.arch.unwrap_or(host);
    let images = template.images.iter().flatten();
    images.filter(|image| image.arch.is_none_or(|arch| arch == wanted)).count()
}

fn unlocked(arch: Arch) -> FieldError {
    let message = format!("none of the images for {arch} is in the lock file");
    FieldError::new("spec.template.images", message)
        .hint("`limekiln lock` with the same -f adds them, with --download also those that have no digest")
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    use super::*;

    fn lock(images: &[(&str, &str)]) -> Lock {
        let images = images.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
        Lock { images: images.collect(), ..Lock::default() }
    }

    fn paths(errors: &[FieldError]) -> Vec<&str> {
        errors.iter().map(|error| error.path.as_str()).collect()
    }

    #[test]
    fn missing_digests_are_filled_in() {
        let mut lima = read_lima("images: [{location: a, kernel: {location: k}}]").expect("yaml");
        let lock = lock(&[("a", "sha256:1"), ("k", "sha256:2")]);
        assert_eq!(lock.pin(&mut lima, Arch::X86_64), []);
        let image = &lima.images.as_ref().expect("set")[0];
        assert_eq!(image.digest.as_deref(), Some("sha256:1"));
        let kernel = image.kernel.as_ref().expect("set");
        assert_eq!(kernel.digest.as_deref(), Some("sha256:2"));
    }

    #[test]
    fn fallbacks_that_nobody_can_vouch_for_are_left_out() {
        let yaml = "images: [{location: a, arch: x86_64}, {location: latest, arch: x86_64}, {location: a, kernel: {location: k}}]";
        let mut lima = read_lima(yaml).expect("yaml");
        assert_eq!(lock(&[("a", "sha256:1")]).pin(&mut lima, Arch::X86_64), []);
        assert_eq!(needed_images(&lima).len(), 1, "{lima:?}");
        let mut lima = read_lima("images: [{location: latest}]").expect("yaml");
        let errors = lock(&[("a", "sha256:1")]).pin(&mut lima, Arch::X86_64);
        assert_eq!(paths(&errors), ["spec.template.images"]);
        let mut other =
            read_lima("images: [{location: a, arch: aarch64}, {location: b}]").expect("yaml");
        let errors = lock(&[("a", "sha256:1")]).pin(&mut other, Arch::X86_64);
        assert_eq!(paths(&errors), ["spec.template.images"], "only another architecture is left");
    }

    #[test]
    fn what_differs_is_refused() {
        let yaml = "images: [{location: a, digest: 'sha256:9'}, {location: b, digest: 'sha256:1'}]\nfirmware: {images: [{location: a, digest: 'sha256:8'}]}";
        let mut lima = read_lima(yaml).expect("yaml");
        let errors = lock(&[("a", "sha256:1")]).pin(&mut lima, Arch::X86_64);
        assert_eq!(
            paths(&errors),
            [
                "spec.template.images[0].digest",
                "spec.template.images[1].digest",
                "spec.template.firmware.images[0].digest",
            ]
        );
    }
}
