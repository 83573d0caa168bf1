//! A stored `lima.yaml` as a manifest.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    API_VERSION, Instance, InstanceSpec, Lima, Metadata, parse_documents, read_lima, to_yaml,
};

/// An instance as a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The manifest.
    pub text: String,
    /// The fields of the stored file that are not in it, because only a newer Lima knows them.
    pub left_out: Vec<String>,
}

/// The manifest of an instance that exists: applied, it changes nothing.
///
/// `about` is what is known of it beside its `lima.yaml`; its template does not matter. `stored`
/// is the `lima.yaml`. The text is kept as it is, comments and all, moved to the right; where that
/// would change its meaning it is printed anew. Fields that nobody here knows would make the
/// manifest one that is refused, so they are left out, and a comment names them.
///
/// # Errors
/// If `stored` cannot be read.
pub fn export_instance(about: &Instance, stored: &str) -> Result<Exported, crate::ReadError> {
    let lima = read_lima(stored)?;
    let head = head(about);
    let kept = format!("{head}{}", indented(stored));
    let unknown = unknown(&kept);
    let left_out: Vec<_> = unknown.iter().map(|(_, _, path)| path.clone()).collect();
    let note = match left_out.as_slice() {
        [] => String::new(),
        fields => {
            format!("    # Left out, because limekiln does not know it: {}\n", fields.join(", "))
        }
    };
    let kept = without(&kept, &unknown);
    let kept = kept.replacen("  template:\n", &format!("  template:\n{note}"), 1);
    let whole = left_out.is_empty() || self::unknown(&kept).is_empty();
    let text = if whole && means(&kept, &lima) {
        kept
    } else {
        format!("{head}{note}{}", indented(&to_yaml(&lima)))
    };
    Ok(Exported { text, left_out })
}

/// All but the template, as far as it is not what it would be anyway.
fn head(about: &Instance) -> String {
    let spec = InstanceSpec { template: Arc::default(), ..about.spec.clone() };
    let mut spec = json!(spec);
    if let Value::Object(fields) = &mut spec {
        fields.shift_remove("template");
    }
    let metadata: &Metadata = &about.metadata;
    let framed = json!({"apiVersion": API_VERSION, "kind": "Instance", "metadata": metadata});
    let spec = match &spec {
        Value::Object(fields) if !fields.is_empty() => indent(&to_yaml(&spec), 2),
        _ => String::new(),
    };
    format!("{}spec:\n{spec}  template:\n", to_yaml(&framed))
}

fn indent(text: &str, by: usize) -> String {
    let indent = " ".repeat(by);
    let line =
        |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{indent}{line}\n") };
    text.lines().map(line).collect()
}

/// Line, column and path of each field of the template that nobody here knows, in their order.
fn unknown(manifest: &str) -> Vec<(usize, usize, String)> {
    let parsed = parse_documents(manifest.as_bytes(), Path::new("lima.yaml"));
    let found = parsed.diagnostics.into_iter();
    let found = found.filter(|found| found.message.starts_with("unknown field"));
    found
        .map(|found| {
            let path = found.path.trim_start_matches("spec.template.").to_owned();
            (found.line, found.column, path)
        })
        .collect()
}

/// The text without the lines of some fields, if each begins a line and has what is below it. If
/// not, the text is none that means the same, which is noticed.
fn without(manifest: &str, fields: &[(usize, usize, String)]) -> String {
    let mut kept = String::new();
    let mut leaving: Option<usize> = None;
    for (index, line) in manifest.split_inclusive('\n').enumerate() {
        let content = line.trim_start();
        let depth = line.len() - content.len();
        if fields.iter().any(|(at, column, _)| *at == index + 1 && *column == depth + 1) {
            leaving = Some(depth);
            continue;
        }
        // The items of a list may be no deeper than its key.
        let below = |field: usize| {
            content.is_empty() || depth > field || (depth == field && content.starts_with('-'))
        };
        if !leaving.is_some_and(below) {
            leaving = None;
            kept.push_str(line);
        }
    }
    kept
}

/// The first document, moved below `template:`. An empty one is an empty mapping.
fn indented(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let is_marker =
        |line: &&str| ["---", "..."].contains(&line.trim_end()) || line.starts_with('%');
    let lines = text.lines().skip_while(is_marker).take_while(|line| !is_marker(line));
    let body: String = lines
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") })
        .collect();
    let has_content = body.lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    if has_content { body } else { format!("{body}    {{}}\n") }
}

/// Whether the manifest's template is this one.
fn means(manifest: &str, lima: &Lima) -> bool {
    #[derive(serde::Deserialize)]
    struct Manifest {
        spec: Spec,
    }
    #[derive(serde::Deserialize)]
    struct Spec {
        template: Lima,
    }
    let read: Result<Manifest, _> =
        serde_saphyr::from_str_with_options(manifest, crate::parse::options());
    read.is_ok_and(|manifest| manifest.spec.template == *lima)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeletionPolicy, Dependency, Disruption, Kind, Manifest, Name, RunStrategy};

    fn about() -> Instance {
        let spec = InstanceSpec {
            run_strategy: RunStrategy::Manual,
            deletion_policy: DeletionPolicy::Retain,
            ..InstanceSpec::new(Lima::default())
        };
        Instance { metadata: Metadata::named(Name::new("web").expect("a name")), spec }
    }

    fn exported(stored: &str) -> String {
        export_instance(&about(), stored).expect("readable").text
    }

    fn read(text: &str) -> Instance {
        let parsed = parse_documents(text.as_bytes(), Path::new("x.yaml"));
        assert_eq!(parsed.diagnostics, [], "{text}");
        match &parsed.objects[0].manifest {
            Manifest::Instance(instance) => (**instance).clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_known_beside_the_template_is_kept() {
        let mut about = about();
        about.metadata.labels.insert("team".to_owned(), "shop".to_owned());
        about.spec.max_disruption = Disruption::Live;
        about.spec.depends_on = vec![Dependency {
            kind: Kind::Instance,
            name: Name::new("db").expect("a name"),
            condition: Default::default(),
        }];
        let text = export_instance(&about, "cpus: 2 # two\n").expect("readable").text;
        assert!(text.ends_with("  template:\n    cpus: 2 # two\n"), "{text}");
        let mut again = read(&text);
        assert_eq!(again.spec.template.cpus.map(|cpus| cpus.0), Some(2));
        again.spec.template = Arc::default();
        assert_eq!(again, about);
    }

    #[test]
    fn what_only_a_newer_lima_knows_is_left_out_and_named() {
        for (stored, kept, left_out) in [
            (
                "# Mine.\ncpus: 2\nnewList: # theirs\n- a\n\n- b: c\nmemory: 1GiB # kept\n",
                "    # Mine.\n    cpus: 2\n    memory: 1GiB # kept\n",
                &["newList"][..],
            ),
            (
                "mounts:\n- location: /a # a\n  newKey:\n    x: |\n      deep\n  writable: true\n",
                "    mounts:\n    - location: /a # a\n      writable: true\n",
                &["mounts[0].newKey"],
            ),
            // The text cannot be kept.
            ("{cpus: 2, newKey: 1}", "    cpus: 2\n", &["newKey"]),
            (
                "mounts:\n- newKey: 1\n  location: /a\n",
                "    mounts:\n    - location: /a\n",
                &["mounts[0].newKey"],
            ),
            ("newKey: 1\n", "    {}\n", &["newKey"]),
        ] {
            let Exported { text, left_out: named } =
                export_instance(&about(), stored).expect(stored);
            assert_eq!(named, left_out, "{stored}");
            let note = format!(
                "    # Left out, because limekiln does not know it: {}\n",
                left_out.join(", ")
            );
            assert!(text.ends_with(&format!("  template:\n{note}{kept}")), "{stored}\n{text}");
            assert_eq!(*read(&text).spec.template, read_lima(stored).expect(stored), "{text}");
        }
    }

    #[test]
    fn the_text_is_kept() {
        insta::assert_snapshot!(
            exported("# Mine.\ncpus: 2 # enough\n\nprovision:\n- script: |\n    #!/bin/sh\n    echo a\n\n    echo b\n"),
            @r"
        apiVersion: lima-vm.io/v1alpha1
        kind: Instance
        metadata:
          name: web
        spec:
          runStrategy: Manual
          deletionPolicy: Retain
          template:
            # Mine.
            cpus: 2 # enough

            provision:
            - script: |
                #!/bin/sh
                echo a

                echo b
        "
        );
    }

    #[test]
    fn every_form_of_text_means_the_same() {
        for stored in [
            "",
            "# nothing\n",
            "---\ncpus: 2\n",
            "%YAML 1.2\n---\ncpus: 2\n...\n---\ncpus: 3\n",
            "{cpus: 2,\n memory: 1GiB}\n",
            "message: \"two\n  lines\"\n",
            "message: |2\n   a\n  b\n",
            "message: >-\n  a\n\n  b\n",
            "\u{feff}cpus: 2\r\nmessage: |\r\n  a\r\n  b\r\n",
            "mounts:\n- &m\n  location: /a\n",
        ] {
            let text = exported(stored);
            let instance = read(&text);
            assert_eq!(*instance.spec.template, read_lima(stored).expect(stored), "{text}");
            assert_eq!(instance.spec.run_strategy, RunStrategy::Manual);
        }
    }
}
