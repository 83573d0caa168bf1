//! Which parameters texts use.

use std::collections::BTreeSet;

/// The parameters that some texts name.
///
/// Lima looks for `{{…​.Param.KEY…}}` and for `PARAM_KEY` as a word. What follows KEY in braces
/// does not matter to it, so `.Param.version` uses a parameter `ver`, too.
#[derive(Debug, Default)]
pub(crate) struct ParamUse<'a> {
    in_braces: BTreeSet<&'a str>,
    in_environment: BTreeSet<&'a str>,
}

/// A parameter that Lima itself uses.
const EXEMPT: &str = "internal_netplanOptional";

impl<'a> ParamUse<'a> {
    /// Notes what the text uses.
    pub(crate) fn add(&mut self, text: &'a str) {
        for (position, _) in text.match_indices("PARAM_") {
            let before = text[..position].chars().next_back();
            if !before.is_some_and(is_word) {
                self.in_environment.insert(word(&text[position + "PARAM_".len()..]));
            }
        }
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("{{") {
            let end = after.find('}').unwrap_or(after.len());
            if after[end..].starts_with("}}") {
                let names = after[..end].split(".Param.").skip(1);
                self.in_braces.extend(names.map(word));
            }
            rest = &after[end..];
        }
    }

    /// Whether a text uses the parameter.
    pub(crate) fn uses(&self, key: &str) -> bool {
        let longer = self.in_braces.range(key..).next();
        key == EXEMPT
            || self.in_environment.contains(key)
            || longer.is_some_and(|name| name.starts_with(key))
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

fn word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_found_as_lima_finds_them() {
        let mut found = ParamUse::default();
        for text in [
            "{{.Param.a}} {{ if not (.Param.b) }}x{{end}}",
            "echo $PARAM_c ${PARAM_d} xPARAM_e PARAM_f2",
            "{{.Param.version}} {{.Param.open } .Param.bare",
        ] {
            found.add(text);
        }
        for key in ["a", "b", "c", "d", "f2", "ver", "internal_netplanOptional"] {
            assert!(found.uses(key), "{key}");
        }
        for key in ["e", "f", "open", "bare", "z"] {
            assert!(!found.uses(key), "{key}");
        }
    }
}
