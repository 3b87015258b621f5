//! `nacre list`.

use crate::cli::{Global, List, ListFormat};
use crate::container::{Record, Status, Store};
use crate::error::Result;

/// Lists containers.
pub(crate) fn run(global: &Global, command: &List) -> Result<u8> {
    let mut containers: Vec<(Record, Status)> = Vec::new();
    for entry in Store::new(global).list()? {
        // One that can't be read must not hide the others.
        if let Ok(record) = entry.read() {
            let status = entry.status(&record);
            containers.push((record, status));
        }
    }
    if command.quiet {
        for (record, _) in &containers {
            println!("{}", record.id);
        }
    } else if command.format == ListFormat::Json {
        println!("{}", serde_json::Value::Array(containers.iter().map(entry).collect()));
    } else {
        table(&containers);
    }
    Ok(0)
}

fn entry((record, status): &(Record, Status)) -> serde_json::Value {
    let mut state = record.state(*status);
    if let Some(fields) = state.as_object_mut() {
        fields.insert("created".to_owned(), record.created.clone().into());
    }
    state
}

fn table(containers: &[(Record, Status)]) {
    let width = containers.iter().map(|(record, _)| record.id.len()).max().unwrap_or(0).max(2);
    println!("{:width$}  {:>8}  {:8}  {:30}  BUNDLE", "ID", "PID", "STATUS", "CREATED");
    for (record, status) in containers {
        let pid = record.sentry.filter(|_| *status != Status::Stopped).map_or(0, |sentry| sentry.pid);
        let (id, created, bundle) = (&record.id, &record.created, record.bundle.display());
        println!("{id:width$}  {pid:>8}  {:8}  {created:30}  {bundle}", status.to_string());
    }
}
