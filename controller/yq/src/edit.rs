//! Editing a text.

use jaq_json::Val;

use crate::{Expression, Format, YqError};

/// What the expression makes of a text, or of nothing where there is no file yet; `None` if it says
/// so already, so that its comments, which are lost otherwise, stay.
///
/// # Errors
/// The text is not of the format, or the expression fails or gives nothing.
pub fn edit(
    expression: &Expression,
    text: Option<&str>,
    format: Format,
) -> Result<Option<Vec<u8>>, YqError> {
    let documents = text.map_or_else(|| Ok(vec![Val::Null]), |text| format.read(text))?;
    let mut results = Vec::new();
    for document in &documents {
        results.extend(expression.run(document.clone())?);
    }
    if results.is_empty() {
        return Err(YqError::Nothing);
    }
    if text.is_some() && results == documents {
        return Ok(None);
    }
    format.write(&results).map(Some)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn edited(expression: &str, text: Option<&str>, format: &str) -> Result<String, YqError> {
        let format = Format::new(format, Path::new("x"))?;
        let bytes = edit(&Expression::new(expression)?, text, format)?;
        Ok(bytes.map_or_else(
            || "unchanged".to_owned(),
            |bytes| String::from_utf8(bytes).expect("UTF-8"),
        ))
    }

    /// The expressions of Lima's own templates.
    #[test]
    fn files_are_made() {
        let docker = ".features.cdi = true |\n.features.containerd-snapshotter = false\n";
        let json = "{\n  \"features\": {\n    \"cdi\": true,\n    \"containerd-snapshotter\": false\n  }\n}\n";
        assert_eq!(edited(docker, None, "json").as_deref(), Ok(json));
        let socket = edited(".Socket.SocketUser=\"lima\"", None, "ini");
        assert_eq!(socket.as_deref(), Ok("[Socket]\nSocketUser = lima\n"));
    }

    #[test]
    fn what_is_there_stays() {
        let yaml = "# kept no longer\nb: [1, {c: x y}]\n'no': '1'\nlong: |\n  a\n  b\n";
        let after =
            edited(".b[1].d-e = \"yes\" | .b += [2.50]", Some(yaml), "yaml").expect("edited");
        let again = edited(".", Some(&after), "yaml");
        assert_eq!(again.as_deref(), Ok("unchanged"), "{after}");
        for part in ["d-e: \"yes\"", "\"no\": \"1\"", "2.50", "c: x y"] {
            assert!(after.contains(part), "{part}: {after}");
        }
        let toml = edited(".a.b = 2", Some("x = 1\n[a]\nc = \"d\"\n"), "toml").expect("edited");
        assert!(
            toml.contains("x = 1") && toml.contains("c = \"d\"") && toml.contains("b = 2"),
            "{toml}"
        );
        let ini = "; c\n[Unit]\nA=1\n[Service]\nExecStart=/bin/x -a=b\n";
        let ini = edited(".Service.Restart = \"no\" | del(.Unit)", Some(ini), "ini");
        assert_eq!(ini.as_deref(), Ok("[Service]\nExecStart = /bin/x -a=b\nRestart = no\n"));
        let two = edited(".a = 1", Some("b: 1\n---\nb: 2\n"), "yaml");
        assert_eq!(two.as_deref(), Ok("b: 1\na: 1\n---\nb: 2\na: 1\n"));
    }

    #[test]
    fn what_is_so_already_is_left_alone() {
        let yaml = "# why\na: {b: 1}\n";
        assert_eq!(edited(".a.b = 1", Some(yaml), "yaml").as_deref(), Ok("unchanged"));
        assert_eq!(edited(".a.b = 2", Some(yaml), "yaml").as_deref(), Ok("a:\n  b: 2\n"));
        assert_eq!(edited(".a = 1", Some(""), "yaml").as_deref(), Ok("a: 1\n"));
        let list = edited(".a[1].b-c.d |= 5 | .a[0] = .x.y", Some("x: 1z"), "yaml");
        assert!(list.is_err(), "a text has no keys: {list:?}");
        let list = edited(".a[1].b-c.d |= 5 | .a[0] = .x.y", None, "json").expect("edited");
        let list: String = list.split_whitespace().collect();
        assert_eq!(list, r#"{"a":[null,{"b-c":{"d":5}}]}"#);
    }

    #[test]
    fn words_of_yq_are_known() {
        let text = Some("b: {y: 2, x: 1}\na: 1\n");
        let sorted = edited("sort_keys(..) | with(.b; .x = 3)", text, "yaml");
        assert_eq!(sorted.as_deref(), Ok("a: 1\nb:\n  x: 3\n  y: 2\n"));
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        let error = |expression: &str, text: &str, format: &str| {
            edited(expression, Some(text), format).expect_err(expression)
        };
        assert!(matches!(error(".a = ", "", "yaml"), YqError::Syntax(_)));
        assert_eq!(error("strenv(X)", "", "yaml"), YqError::Unknown("`X`, `strenv`".to_owned()));
        assert!(matches!(error(".a.b = 1", "a: text", "yaml"), YqError::Fails(_)));
        assert_eq!(error("empty", "a: 1", "yaml"), YqError::Nothing);
        assert!(matches!(error(".", "{", "json"), YqError::Read { format: "JSON", .. }));
        assert!(matches!(error(".a = null", "", "toml"), YqError::Write { format: "TOML", .. }));
        assert!(matches!(error(".a.b = [1]", "", "ini"), YqError::Write { format: "INI", .. }));
        assert_eq!(error(".", "", "xml"), YqError::Format("xml".to_owned()));
        let format = |word, path: &str| Format::new(word, Path::new(path));
        assert_eq!(format("auto", "/etc/docker/daemon.json"), Ok(Format::Json));
        assert_eq!(format("", "/etc/x.conf"), Ok(Format::Yaml));
        assert!(format("auto", "/etc/x.xml").is_err());
    }
}
