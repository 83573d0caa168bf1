//! Keys that yq takes as they are and jq only in quotes: `.features.containerd-snapshotter`.

use crate::steps::text_len;

/// Characters of a key behind a dot: yq's, without those that jq's paths go on with.
fn is_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '@')
}

/// The same expression with such keys in quotes. Texts and comments stay as they are.
pub(super) fn quoted(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len() + 8);
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let (whole, after) = match first {
            '"' => rest.split_at(text_len(rest)),
            '#' => rest.split_at(rest.find('\n').unwrap_or(rest.len())),
            '.' => rest.split_at(1 + rest[1..].find(|c| !is_key(c)).unwrap_or(rest.len() - 1)),
            _ => rest.split_at(first.len_utf8()),
        };
        match whole.strip_prefix('.').filter(|key| needs_quotes(key)) {
            Some(key) => out.extend([".\"", key, "\""]),
            None => out.push_str(whole),
        }
        rest = after;
    }
    out
}

/// A number such as `.5` is none, and neither is `.a` or `..`.
fn needs_quotes(key: &str) -> bool {
    let begins = key.starts_with(|c: char| c.is_alphabetic() || c == '_');
    begins && !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn keys_with_dashes_are_put_in_quotes() {
        for (yq, jq) in [
            (".a.b-c = true", r#".a."b-c" = true"#),
            (".a-b[0].c-d.e", r#"."a-b"[0]."c-d".e"#),
            (".a - .b", ".a - .b"),
            (".. | .5 | .[\"x-y\"]", ".. | .5 | .[\"x-y\"]"),
            (r#".a = "v.x-y \" .z-z" # .k-k"#, r#".a = "v.x-y \" .z-z" # .k-k"#),
            (".a = 1 |\n .b-c = 2", ".a = 1 |\n .\"b-c\" = 2"),
            (".\"open", ".\"open"),
            ("", ""),
        ] {
            assert_eq!(quoted(yq), jq);
        }
    }
}
