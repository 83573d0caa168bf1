//! The ISO 9660 image, with Rock Ridge for names that ISO 9660 has no room for.

use std::io::Cursor;

use hadris_iso::read::PathSeparator;
use hadris_iso::rrip::RripOptions;
use hadris_iso::write::options::{CreationFeatures, IsoFormatOptions};
use hadris_iso::write::{InputEntry, InputTree, IsoImageWriter};

use super::Contents;

const SECTOR: usize = 2048;

/// What directories and volume descriptors may take, beside the files.
const OVERHEAD: usize = 1 << 20;

/// Where the primary volume descriptor says how many sectors the volume has (ECMA-119, 8.4.8):
/// sector 16, byte 80.
const VOLUME_SIZE_AT: usize = 16 * SECTOR + 80;

/// The image of a volume labelled `cidata`, with one more file that is no text.
pub(super) fn image(
    contents: &Contents,
    program: Option<(&str, &[u8])>,
) -> Result<Vec<u8>, String> {
    let texts = contents.values().map(String::len);
    let lengths = texts.chain(program.map(|(_, bytes)| bytes.len()));
    let size: usize = lengths.map(|length| length.next_multiple_of(SECTOR)).sum();
    // The writer does not grow its buffer.
    let buffer = Cursor::new(vec![0; size + OVERHEAD]);
    let mut entries = entries(contents);
    entries.extend(program.map(|(name, bytes)| InputEntry::file(name, bytes)));
    let tree = InputTree::new(PathSeparator::ForwardSlash, entries);
    let image =
        IsoImageWriter::create(buffer, tree, options()).map_err(|error| error.to_string())?;
    let mut image = image.into_inner();
    let sectors = image
        .get(VOLUME_SIZE_AT..VOLUME_SIZE_AT + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or("the image has no volume descriptor")?;
    image.truncate(sectors as usize * SECTOR);
    Ok(image)
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
    use std::io::Cursor;

    use hadris_iso::read::IsoImage;

    use super::Contents;

    #[test]
    fn label_and_long_names_are_kept() {
        let mut contents = Contents::new();
        for path in ["meta-data", "boot.Linux/07-environment.sh", "boot.Linux/06-hosts.sh"] {
            contents.insert(path.to_owned(), path.repeat(300));
        }
        let image = super::image(&contents, Some(("lima-guestagent", &[0xff; 5000]))).unwrap();
        assert_eq!(&image[32808..32816], b"cidata  ");
        let image = IsoImage::open(Cursor::new(image)).unwrap();
        let names: Vec<String> = image
            .root_dir()
            .iter(&image)
            .entries()
            .filter_map(Result::ok)
            .filter(|entry| !entry.is_special())
            .map(|entry| entry.display_name().into_owned())
            .collect();
        assert_eq!(names, ["boot.Linux", "lima-guestagent", "meta-data"]);
    }
}
