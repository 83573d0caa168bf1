//! A stored `lima.yaml` as a manifest.

use crate::{API_VERSION, DeletionPolicy, Lima, Name, RunStrategy, read_lima, to_yaml};

/// What is known of the instance beside its `lima.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported<'a> {
    /// Its name.
    pub name: &'a Name,
    /// Whether it is kept running.
    pub run_strategy: RunStrategy,
    /// What happens when it is no longer wanted.
    pub deletion_policy: DeletionPolicy,
}

/// The manifest of an instance that exists: applied, it changes nothing.
///
/// `stored` is its `lima.yaml`. The text is kept as it is, comments and all, moved to the right;
/// where that would change its meaning it is printed anew.
///
/// # Errors
/// If `stored` cannot be read.
pub fn export_instance(about: &Exported<'_>, stored: &str) -> Result<String, crate::ReadError> {
    let lima = read_lima(stored)?;
    let head = head(about);
    let kept = format!("{head}{}", indented(stored));
    if means(&kept, &lima) {
        return Ok(kept);
    }
    Ok(format!("{head}{}", indented(&to_yaml(&lima))))
}

fn head(about: &Exported<'_>) -> String {
    let mut head = format!(
        "apiVersion: {API_VERSION}\nkind: Instance\nmetadata:\n  name: {}\nspec:\n",
        about.name
    );
    if about.run_strategy != RunStrategy::Always {
        head += &format!("  runStrategy: {:?}\n", about.run_strategy);
    }
    if about.deletion_policy != DeletionPolicy::Delete {
        head += &format!("  deletionPolicy: {:?}\n", about.deletion_policy);
    }
    head + "  template:\n"
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
    use std::path::Path;

    use super::*;

    fn exported(stored: &str) -> String {
        let name = Name::new("web").expect("a name");
        let about = Exported {
            name: &name,
            run_strategy: RunStrategy::Manual,
            deletion_policy: DeletionPolicy::Retain,
        };
        export_instance(&about, stored).expect("readable")
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
            let parsed = crate::parse_documents(text.as_bytes(), Path::new("x.yaml"));
            assert_eq!(parsed.diagnostics, [], "{text}");
            let crate::Manifest::Instance(instance) = &parsed.objects[0].manifest else {
                panic!("an instance")
            };
            assert_eq!(instance.spec.template, read_lima(stored).expect(stored), "{text}");
            assert_eq!(instance.spec.run_strategy, RunStrategy::Manual);
        }
    }
}
