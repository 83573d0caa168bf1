//! One figure against its bound.

use std::fmt;

/// One figure; smaller is better.
pub struct Row {
    /// What was measured.
    pub name: &'static str,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The most that is allowed.
    pub bound: f64,
}

impl Row {
    /// Whether it keeps its bound.
    pub fn held(&self) -> bool {
        self.value <= self.bound
    }

    fn verdict(&self) -> &'static str {
        if self.held() { "held" } else { "short" }
    }

    /// The row as JSON.
    pub fn json(&self) -> String {
        serde_json::json!({
            "name": self.name, "value": self.value, "unit": self.unit, "bound": self.bound, "verdict": self.verdict(),
        })
        .to_string()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, unit, bound, .. } = self;
        write!(f, "{name:34} {value:>9.1} {unit:4} ≤ {bound:>7.1}  {}", self.verdict())
    }
}
