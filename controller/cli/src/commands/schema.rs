//! `limekiln schema [KIND]`

use clap::Args;

use crate::exit::{Exit, Failure};

/// Print the JSON Schema of a kind, for editors and checks.
#[derive(Args)]
pub struct SchemaArgs {
    /// instance, disk, network or lima (plain Lima YAML)
    #[arg(default_value = "instance")]
    kind: String,
}

/// Prints one schema.
///
/// # Errors
/// If there is no such kind.
pub fn run(args: &SchemaArgs) -> anyhow::Result<Exit> {
    let file = format!("{}.json", args.kind.to_lowercase());
    let (_, schema) = limekiln_api::schema::json_schemas()
        .into_iter()
        .find(|(name, _)| *name == file)
        .ok_or_else(|| {
            Failure::bad_input(format!("there is no schema of {:?}", args.kind))
                .hint("use instance, disk, network or lima")
        })?;
    outln!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(Exit::Done)
}
