//! INI files: `key = value` in `[sections]`. Values are texts; a key that is there twice keeps its
//! last value, as in yq.

use std::fmt::Write;

use jaq_json::Val;

type Section = Vec<(String, Val)>;

/// An object of the keys before all sections and of the sections.
pub(super) fn read(text: &str) -> Result<Val, String> {
    let mut top = Section::new();
    let mut sections: Vec<(String, Section)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            sections.push((name.trim().to_owned(), Section::new()));
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| format!("line {} is neither `key = value` nor a section", number + 1))?;
        let section = sections.last_mut().map_or(&mut top, |(_, section)| section);
        section.push((key.trim().to_owned(), Val::from(value.trim().to_owned())));
    }
    let sections = sections.into_iter().map(|(name, section)| (name, object(section)));
    Ok(object(top.into_iter().chain(sections).collect()))
}

fn object(fields: Section) -> Val {
    Val::obj(fields.into_iter().map(|(key, value)| (Val::from(key), value)).collect())
}

/// The text of such an object.
pub(super) fn write(value: &Val) -> Result<String, String> {
    let Val::Obj(fields) = value else { return Err("it has no keys".to_owned()) };
    let is_section = |value: &Val| matches!(value, Val::Obj(_));
    let mut text = String::new();
    for (key, value) in fields.iter().filter(|(_, value)| !is_section(value)) {
        pair(&mut text, key, value)?;
    }
    for (name, section) in fields.iter() {
        let Val::Obj(section) = section else { continue };
        // Writing to a string can't fail.
        let _ = writeln!(text, "{}[{}]", if text.is_empty() { "" } else { "\n" }, plain(name)?);
        for (key, value) in section.iter() {
            pair(&mut text, key, value)?;
        }
    }
    Ok(text)
}

fn pair(text: &mut String, key: &Val, value: &Val) -> Result<(), String> {
    let _ = writeln!(text, "{} = {}", plain(key)?, plain(value)?);
    Ok(())
}

/// A value as it stands in a line.
fn plain(value: &Val) -> Result<String, String> {
    let text = match value {
        Val::TStr(text) => String::from_utf8_lossy(text).into_owned(),
        Val::Null => String::new(),
        Val::Arr(_) | Val::Obj(_) | Val::BStr(_) => return Err(format!("{value} is no text")),
        other => other.to_string(),
    };
    if text.contains(['\n', '\r']) {
        return Err("a value has several lines".to_owned());
    }
    Ok(text)
}
