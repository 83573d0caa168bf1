//! Editing a file in the guest by an expression, with the options of yq that Lima's boot scripts use.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use limekiln_yq::{Expression, Format, edit};

use crate::{ArgsError, Error};

/// What to edit, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct YqArgs {
    /// The file that holds the expression.
    pub expression: PathBuf,
    /// The format; empty or `auto` for the one that the file's name tells.
    pub format: String,
    /// The file that is edited; without one, what the expression makes of nothing is printed.
    pub file: Option<PathBuf>,
}

impl YqArgs {
    pub(crate) fn from_words(words: impl Iterator<Item = String>) -> Result<Self, ArgsError> {
        let (mut args, mut words) = (Self::default(), words);
        let mut null_input = false;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| ArgsError::Value(word.clone()));
            match word.as_str() {
                "--from-file" => args.expression = value()?.into(),
                // One format for both: a file keeps what it is.
                "--input-format" | "--output-format" => args.format = value()?,
                "--inplace" => {}
                "--null-input" => null_input = true,
                option if option.starts_with("--") => {
                    return Err(ArgsError::Unknown(option.to_owned()));
                }
                file => args.file = Some(file.into()),
            }
        }
        if args.expression.as_os_str().is_empty() {
            return Err(ArgsError::Value("--from-file".to_owned()));
        }
        if args.file.is_some() == null_input {
            return Err(ArgsError::Value("--inplace".to_owned()));
        }
        Ok(args)
    }
}

/// Edits the file, or prints.
///
/// # Errors
/// A file can't be read or written, or the expression can't be used; the file stays as it is then.
pub(crate) fn run(args: &YqArgs) -> Result<(), Error> {
    let path = &args.expression;
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let expression = Expression::new(&text)?;
    let format = Format::new(&args.format, args.file.as_deref().unwrap_or(Path::new("")))?;
    match &args.file {
        Some(file) => in_place(&expression, format, file),
        None => {
            let made = edit(&expression, None, format)?.unwrap_or_default();
            io::stdout().write_all(&made).map_err(Error::file("write", Path::new("the result")))
        }
    }
}

/// By a new file in the place of the old one, so that a guest that loses its power has either.
fn in_place(expression: &Expression, format: Format, file: &Path) -> Result<(), Error> {
    // Where a link leads; the link stays.
    let file = file.canonicalize().map_err(Error::file("find", file))?;
    let text = fs::read_to_string(&file).map_err(Error::file("read", &file))?;
    let Some(bytes) = edit(expression, Some(&text), format)? else { return Ok(()) };
    let mut name = file.clone().into_os_string();
    name.push(".limekiln-new");
    let new = PathBuf::from(name);
    replace(&file, &new, &bytes).map_err(Error::file("write", &file)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

fn replace(file: &Path, new: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let before = fs::metadata(file)?;
    let _ = fs::remove_file(new);
    let mut target = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    target.write_all(bytes)?;
    // Of the open file: its name is in a directory that may be somebody else's.
    fchown(&target, Some(before.uid()), Some(before.gid()))?;
    target.set_permissions(fs::Permissions::from_mode(before.mode() & 0o7777))?;
    target.sync_all()?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<YqArgs, ArgsError> {
        YqArgs::from_words(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_words_of_limas_boot_script_are_understood() {
        let line = "--inplace --from-file /e --input-format auto --output-format auto /f";
        let wanted =
            YqArgs { expression: "/e".into(), format: "auto".to_owned(), file: Some("/f".into()) };
        assert_eq!(words(line), Ok(wanted));
        let line = "--null-input --from-file /e --output-format json";
        let wanted = YqArgs { expression: "/e".into(), format: "json".to_owned(), file: None };
        assert_eq!(words(line), Ok(wanted));
        for wrong in ["", "--from-file", "--from-file /e", "--from-file /e --null-input /f", "--x"]
        {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_keeps_its_mode_its_link_and_what_the_expression_leaves() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, link) = (dir.path().join("a.json"), dir.path().join("link.json"));
        fs::write(&file, "{\"a\": 1}").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("ours");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        let expression = dir.path().join("e");
        let edit = |text: &str| {
            fs::write(&expression, text).expect("written");
            let (expression, file) = (expression.clone(), Some(link.clone()));
            run(&YqArgs { expression, format: "auto".to_owned(), file })
        };
        edit(".b.c-d = 2\n").expect("edited");
        let text = || fs::read_to_string(&file).expect("readable");
        let after = text();
        let compact: String = after.split_whitespace().collect();
        assert_eq!(compact, r#"{"a":1,"b":{"c-d":2}}"#);
        assert_eq!(fs::metadata(&file).expect("there").mode() & 0o7777, 0o640);
        assert!(link.is_symlink());
        assert!(edit(".a.b = 1").is_err() && edit("strenv(X)").is_err());
        assert_eq!(text(), after);
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 3, "nothing is left over");
    }
}
