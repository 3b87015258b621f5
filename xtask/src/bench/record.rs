//! The medians of a run, as they are kept: JSON.

use super::machine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;

/// The medians of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Day of the run: YYYY-MM-DD.
    pub(super) date: String,
    /// Where it ran.
    pub(super) machine: String,
    /// How busy it was with other things: its load average before the run.
    pub(super) load: f64,
    /// Rounds that the medians are of.
    pub(super) rounds: usize,
    /// Names of runtimes, native first.
    pub(super) runtimes: Vec<String>,
    /// In the order of measurement.
    pub(super) rows: Vec<Row>,
}

/// One thing measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Row {
    /// Heading.
    pub(super) group: String,
    /// Name.
    pub(super) name: String,
    /// Everything ran on one processor.
    pub(super) pinned: bool,
    /// Unit of the values.
    pub(super) unit: String,
    /// Medians by runtime.
    pub(super) values: BTreeMap<String, f64>,
}

/// All values of a run.
#[derive(Default)]
pub(super) struct Samples(Vec<(Row, BTreeMap<String, Vec<f64>>)>);

impl Samples {
    /// One more value.
    pub(super) fn add(&mut self, group: &str, name: &str, unit: &str, pinned: bool, runtime: &str, value: f64) {
        let is_same = |(row, _): &(Row, _)| row.name == name && row.pinned == pinned;
        let at = self.0.iter().position(is_same).unwrap_or_else(|| {
            let [group, name, unit] = [group, name, unit].map(str::to_owned);
            // A row pinned comes after the row that is not.
            let same_name = |(row, _): &(Row, _)| row.name == name;
            let at = self.0.iter().position(same_name).map_or(self.0.len(), |at| at + 1);
            self.0.insert(at, (Row { group, name, pinned, unit, values: BTreeMap::new() }, BTreeMap::new()));
            at
        });
        self.0[at].1.entry(runtime.to_owned()).or_default().push(value);
    }
}

impl Record {
    /// Of a run that has just ended.
    pub(super) fn new(runtimes: Vec<String>, rounds: usize, load: f64, samples: Samples) -> Self {
        let rows = samples.0.into_iter().map(|(row, values)| Row {
            values: values.into_iter().map(|(name, values)| (name, median(values))).collect(),
            ..row
        });
        Self { date: machine::date(), machine: machine::describe(), load, rounds, runtimes, rows: rows.collect() }
    }

    /// Of an earlier run.
    pub(super) fn read(file: &str) -> Result<Self, String> {
        let text = fs::read(file).map_err(|e| format!("{file}: {e}"))?;
        serde_json::from_slice(&text).map_err(|e| format!("{file}: {e}"))
    }

    /// Keeps it.
    pub(super) fn write(&self, file: &str) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        fs::write(file, text + "\n").map_err(|e| format!("{file}: {e}"))
    }
}

impl Row {
    /// Its name with the mark of rows on one processor.
    pub(super) fn title(&self) -> String {
        if self.pinned { format!("{}@p0", self.name) } else { self.name.clone() }
    }

    /// A runtime's median.
    pub(super) fn value(&self, runtime: &str) -> Option<f64> {
        self.values.get(runtime).copied()
    }

    /// More is better.
    pub(super) fn is_rate(&self) -> bool {
        self.unit.ends_with("/s")
    }

    /// How much worse than native a runtime is: 2 is half as fast.
    pub(super) fn cost(&self, runtime: &str) -> Option<f64> {
        let (native, other) = (self.value("native")?, self.value(runtime)?);
        let cost = if self.is_rate() { native / other } else { other / native };
        (cost.is_finite() && cost > 0.0).then_some(cost)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_beside_their_pinned_ones() {
        let mut samples = Samples::default();
        for (name, pinned, value) in [("a", false, 3.0), ("b", false, 1.0), ("a", true, 2.0), ("a", false, 1.0)] {
            samples.add("g", name, "ns", pinned, "native", value);
        }
        samples.add("g", "a", "ns", false, "native", 2.0);
        let record = Record::new(vec!["native".to_owned()], 1, 0.0, samples);
        let titles: Vec<String> = record.rows.iter().map(Row::title).collect();
        assert_eq!(titles, ["a", "a@p0", "b"]);
        assert_eq!(record.rows[0].value("native"), Some(2.0));
    }

    #[test]
    fn a_rate_costs_what_it_falls_short() {
        let values = BTreeMap::from([("native".to_owned(), 100.0), ("nacre".to_owned(), 50.0)]);
        let row = |unit: &str| Row {
            group: String::new(),
            name: String::new(),
            pinned: false,
            unit: unit.to_owned(),
            values: values.clone(),
        };
        assert_eq!(row("req/s").cost("nacre"), Some(2.0));
        assert_eq!(row("ns").cost("nacre"), Some(0.5));
        assert_eq!(row("ns").cost("other"), None);
    }
}
