//! Lima's template strings: `{{.Name}}`, `{{.User}}`, `{{.Param.KEY}}`.
//!
//! Lima uses Go's text/template; only plain fields are expanded here. A text with anything else
//! between the braces stays as it is, which is what Lima does with one that it cannot expand.

use std::collections::BTreeMap;

use crate::lima::Text;

/// What the fields stand for.
#[derive(Debug, Default)]
pub(crate) struct Variables<'a> {
    /// `.Name`: the instance.
    pub(crate) name: &'a str,
    /// `.Hostname`: the guest's.
    pub(crate) hostname: &'a str,
    /// `.User`: login name.
    pub(crate) user: &'a str,
    /// `.UID`.
    pub(crate) uid: u32,
    /// `.Home`: home directory.
    pub(crate) home: &'a str,
    /// `.Dir`: the instance's directory; only for strings about the host.
    pub(crate) dir: Option<&'a str>,
    /// `.TempDir` and `.GlobalTempDir`; only for strings about the host.
    pub(crate) temp_dir: Option<&'a str>,
    /// `.Param.KEY`.
    pub(crate) param: Option<&'a BTreeMap<String, Text>>,
}

impl Variables<'_> {
    fn value(&self, field: &str) -> Option<String> {
        if let Some(key) = field.strip_prefix("Param.") {
            let value = self.param.and_then(|param| param.get(key));
            return Some(value.map(|text| text.0.clone()).unwrap_or_default());
        }
        Some(match field {
            "Name" | "Instance" => self.name.to_owned(),
            "Hostname" => self.hostname.to_owned(),
            "User" => self.user.to_owned(),
            "UID" => self.uid.to_string(),
            "Home" => self.home.to_owned(),
            "Dir" => self.dir?.to_owned(),
            "TempDir" | "GlobalTempDir" => self.temp_dir?.to_owned(),
            _ => return None,
        })
    }
}

/// The text with its fields replaced, or the text itself where that is not possible.
pub(crate) fn expand(text: &str, variables: &Variables<'_>) -> String {
    if text.contains("{{") {
        try_expand(text, variables).unwrap_or_else(|| text.to_owned())
    } else {
        text.to_owned()
    }
}

fn try_expand(text: &str, variables: &Variables<'_>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, tail) = after.split_once("}}")?;
        let (inside, before) = match inside.strip_prefix("- ") {
            Some(trimmed) => (trimmed, before.trim_end()),
            None => (inside, before),
        };
        let (inside, tail) = match inside.strip_suffix(" -") {
            Some(trimmed) => (trimmed, tail.trim_start()),
            None => (inside, tail),
        };
        out.push_str(before);
        out.push_str(&field(inside.trim(), variables)?);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

/// Go prints `<no value>` for a field that does not exist.
fn field(inside: &str, variables: &Variables<'_>) -> Option<String> {
    let name = inside.strip_prefix('.')?;
    let plain = name.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    plain.then(|| variables.value(name).unwrap_or_else(|| "<no value>".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let param = BTreeMap::from([("VERSION".to_owned(), Text::from("1.2"))]);
        let variables = Variables {
            name: "web",
            user: "alice",
            uid: 501,
            home: "/home/alice.guest",
            param: Some(&param),
            ..Variables::default()
        };
        expand(text, &variables)
    }

    #[test]
    fn fields_are_replaced() {
        assert_eq!(expanded("{{.User}}@{{ .Name }}: {{.UID}}"), "alice@web: 501");
        assert_eq!(expanded("v{{.Param.VERSION}}{{.Param.NONE}}"), "v1.2");
        assert_eq!(expanded("a  {{- .Name -}}  b"), "awebb");
        assert_eq!(expanded("{{.Nope}}"), "<no value>");
    }

    #[test]
    fn what_cannot_be_expanded_stays() {
        for text in
            ["{{if .User}}x{{end}}", "{{.User", "${{ github.ref }}", "{{}}", "{{.User | upper}}"]
        {
            assert_eq!(expanded(text), text);
        }
    }
}
