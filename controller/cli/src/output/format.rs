//! `-o`: for people or for programs.

use clap::ValueEnum;
use serde::Serialize;

/// What `-o` accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns.
    #[default]
    Table,
    /// More columns.
    Wide,
    /// `kind/name`, one per line.
    Name,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Prints a value as JSON or YAML; `false` for the formats that are for people.
///
/// # Errors
/// If the value cannot be written as text.
pub fn print_data<T: Serialize>(format: Format, value: &T) -> anyhow::Result<bool> {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(value)? + "\n",
        Format::Yaml => limekiln_api::to_yaml(value),
        Format::Table | Format::Wide | Format::Name => return Ok(false),
    };
    out!("{text}");
    Ok(true)
}
