//! The ISO 9660 image, with Rock Ridge for names that ISO 9660 has no room for.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use hadris_iso::read::PathSeparator;
use hadris_iso::rrip::RripOptions;
use hadris_iso::write::options::{CreationFeatures, IsoFormatOptions};
use hadris_iso::write::{InputEntry, InputTree, IsoImageWriter};

use super::Contents;

const SECTOR: usize = 2048;

/// Where the primary volume descriptor says how many sectors the volume has (ECMA-119, 8.4.8):
/// sector 16, byte 80.
const VOLUME_SIZE_AT: u64 = 16 * SECTOR as u64 + 80;

/// Writes a volume labelled `cidata` into an empty file, with more files that are no texts.
pub(super) fn write(file: &mut File, contents: &Contents, more: Vec<InputEntry>) -> io::Result<()> {
    let mut entries = entries(contents);
    entries.extend(more);
    let tree = InputTree::new(PathSeparator::ForwardSlash, entries);
    let mut target = Target { file, failure: None };
    let failed = IsoImageWriter::create(&mut target, tree, options()).err();
    match failed {
        Some(error) => {
            let failure = target.failure.take();
            Err(failure.unwrap_or_else(|| io::Error::other(error.to_string())))
        }
        None => cut(target.file),
    }
}

/// Gives the file the length that the volume says it has.
fn cut(file: &mut File) -> io::Result<()> {
    let mut sectors = [0; 4];
    file.seek(SeekFrom::Start(VOLUME_SIZE_AT))?;
    file.read_exact(&mut sectors)?;
    file.set_len(u64::from(u32::from_le_bytes(sectors)) * SECTOR as u64)
}

/// The file, and what failed with it: the writer tells no more than the kind of an error, which is
/// not enough to know a full disk by.
struct Target<'a> {
    file: &'a mut File,
    failure: Option<io::Error>,
}

impl Target<'_> {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            self.failure = Some(error);
            kind.into()
        })
    }
}

impl Read for Target<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.file.read(buffer);
        self.note(result)
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.file.write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.flush();
        self.note(result)
    }
}

impl Seek for Target<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let result = self.file.seek(to);
        self.note(result)
    }
}

fn options() -> IsoFormatOptions {
    IsoFormatOptions {
        // As it is: guests look for the label in lower case.
        volume_name: "cidata".to_owned(),
        system_id: None,
        volume_set_id: None,
        publisher_id: None,
        preparer_id: None,
        application_id: None,
        sector_size: SECTOR,
        path_separator: PathSeparator::ForwardSlash,
        strict_charset: false,
        features: CreationFeatures {
            rock_ridge: Some(RripOptions::default()),
            ..CreationFeatures::rock_ridge()
        },
    }
}

/// Paths have at most one folder.
fn entries(contents: &Contents) -> Vec<InputEntry> {
    let mut entries = Vec::new();
    let mut folders: Vec<(&str, Vec<InputEntry>)> = Vec::new();
    for (path, text) in contents {
        match path.split_once('/') {
            None => entries.push(InputEntry::file(path.clone(), text.as_bytes())),
            Some((folder, name)) => {
                let file = InputEntry::file(name, text.as_bytes());
                match folders.last_mut() {
                    Some((last, files)) if *last == folder => files.push(file),
                    _ => folders.push((folder, vec![file])),
                }
            }
        }
    }
    entries.extend(folders.into_iter().map(|(name, files)| InputEntry::directory(name, files)));
    entries
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{Seek, SeekFrom};

    use hadris_iso::read::IsoImage;
    use hadris_iso::write::InputEntry;

    use super::super::Archive;
    use super::Contents;

    #[test]
    fn label_and_long_names_are_kept() {
        let mut contents = Contents::new();
        for path in ["meta-data", "boot.Linux/07-environment.sh", "boot.Linux/06-hosts.sh"] {
            contents.insert(path.to_owned(), path.repeat(300));
        }
        let dir = tempfile::tempdir().expect("a directory");
        // More than one piece of reading.
        let packed: Vec<u8> = (0..3_000_001_u32).map(|number| (number % 251) as u8).collect();
        fs::write(dir.path().join("data"), &packed).expect("written");
        let archive = Archive::new(&dir.path().join("data")).expect("readable");
        let more = vec![InputEntry::file("lima-guestagent", [0xff; 5000]), archive.entry()];
        let mut file = tempfile::tempfile().expect("a file");
        super::write(&mut file, &contents, more).expect("written");

        let bytes = all(&mut file);
        assert_eq!(&bytes[32808..32816], b"cidata  ");
        assert!(bytes.windows(packed.len()).any(|window| window == packed), "it is there whole");
        assert_eq!(bytes.len() % super::SECTOR, 0);
        let image = IsoImage::open(std::io::Cursor::new(bytes)).unwrap();
        let names: Vec<String> = image
            .root_dir()
            .iter(&image)
            .entries()
            .filter_map(Result::ok)
            .filter(|entry| !entry.is_special())
            .map(|entry| entry.display_name().into_owned())
            .collect();
        assert_eq!(names, ["boot.Linux", "lima-guestagent", "meta-data", "nerdctl-full.tgz"]);
    }

    fn all(file: &mut File) -> Vec<u8> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).expect("a file");
        std::io::Read::read_to_end(file, &mut bytes).expect("readable");
        bytes
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_in_its_own_words() {
        let mut full = File::options().read(true).write(true).open("/dev/full").expect("a device");
        let error = super::write(&mut full, &Contents::new(), Vec::new()).expect_err("it is full");
        assert!(error.to_string().contains("No space left"), "{error}");
    }
}
