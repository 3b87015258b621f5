//! Medians and ratios as a table of text.

use super::record::Record;
use super::target::Targets;

/// The table of a run.
pub(super) fn table(record: &Record) -> String {
    let targets = Targets::read();
    let others = record.runtimes.get(1..).unwrap_or_default();
    let Record { machine, date, rounds, load, .. } = record;
    let mut text = format!("\n{machine}\n{date}, medians of {rounds} rounds, load average before {load}\n");
    text.push_str(&format!("native of run-of-true-bundle is crun\n\n{:<28}{:>6}", "", ""));
    for name in &record.runtimes {
        text.push_str(&format!("{name:>12}"));
    }
    for name in others {
        text.push_str(&format!("{:>14}", format!("{name}/native")));
    }
    text.push_str("   reached\n");
    let mut group = "";
    for row in &record.rows {
        if row.group != group {
            group = &row.group;
            text.push_str(&format!("{group}\n"));
        }
        text.push_str(&format!("  {:<26}{:>6}", row.title(), row.unit));
        for name in &record.runtimes {
            text.push_str(&format!("{:>12}", number(row.value(name))));
        }
        for name in others {
            let ratio = row.value(name).zip(row.value("native")).map(|(value, native)| value / native);
            text.push_str(&format!("{:>14}", number(ratio)));
        }
        text.push_str(&format!("   {}\n", targets.verdict(row).unwrap_or_default()));
    }
    text
}

/// Three digits or more.
pub(super) fn number(value: Option<f64>) -> String {
    match value.filter(|value| value.is_finite()) {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}
