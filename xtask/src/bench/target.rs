//! What is to be reached: `bench/targets.txt`.

use super::record::Row;
use crate::place;
use std::fs;

/// What is to be reached.
pub(super) struct Targets(String);

impl Targets {
    /// Those of the project.
    pub(super) fn read() -> Self {
        // Without the file nothing is to be reached.
        Self(fs::read_to_string(place::root().join("bench/targets.txt")).unwrap_or_default())
    }

    /// Whether Nacre reaches the row's: `yes ≤ 2 × native`.
    pub(super) fn verdict(&self, row: &Row) -> Option<String> {
        let (kind, bound) = self.find(&row.title()).or_else(|| self.find(&row.name))?;
        let nacre = row.value("nacre")?;
        let against_native = || row.value("native").map(|native| bound * native);
        let (is_reached, text) = match kind {
            "max" => (nacre <= bound, format!("≤ {bound}")),
            "min-x" => (nacre >= against_native()?, format!("≥ {bound} × native")),
            _ => (nacre <= against_native()?, format!("≤ {bound} × native")),
        };
        Some(format!("{} {text}", if is_reached { "yes" } else { "NO " }))
    }

    fn find(&self, name: &str) -> Option<(&str, f64)> {
        self.0.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let (first, kind, bound) = (words.next()?, words.next()?, words.next()?);
            if first == name { Some((kind, bound.parse().ok()?)) } else { None }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn row(name: &str, pinned: bool, native: f64, nacre: f64) -> Row {
        let values = BTreeMap::from([("native".to_owned(), native), ("nacre".to_owned(), nacre)]);
        Row { group: String::new(), name: name.to_owned(), pinned, unit: String::new(), values }
    }

    #[test]
    fn a_pinned_row_may_have_a_target_of_its_own() {
        let targets = Targets("# text\na x 2\na@p0 max 50\nb min-x 0.5\n".to_owned());
        let verdict = |row: &Row| targets.verdict(row).map(|text| text.starts_with("yes"));
        assert_eq!(verdict(&row("a", false, 10.0, 20.0)), Some(true));
        assert_eq!(verdict(&row("a", false, 10.0, 21.0)), Some(false));
        assert_eq!(verdict(&row("a", true, 10.0, 50.0)), Some(true));
        assert_eq!(verdict(&row("b", true, 10.0, 4.0)), Some(false));
        assert_eq!(verdict(&row("c", false, 1.0, 1.0)), None);
    }
}
