//! `nacre ps`.
//!
//! As a container's processes the host sees its sandbox: the sentry, and a process for each address space of the guest.
//! Callers such as docker look for these ids in what ps(1) says of the host.

use crate::cli::{Global, ListFormat, Ps};
use crate::container::{Record, Store};
use crate::error::{Result, Try, bail};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Shows the host's processes of a container.
pub(crate) fn run(global: &Global, command: &Ps) -> Result<u8> {
    let record = Store::new(global).open(&command.id)?.read()?;
    let pids = processes(&record)?;
    if command.format == ListFormat::Json {
        println!("{}", serde_json::json!(pids));
        return Ok(0);
    }
    let default = ["-ef".to_owned()];
    let options = if command.options.is_empty() { &default[..] } else { &command.options };
    let output = Command::new("ps").args(options).output().to("run ps")?;
    if !output.status.success() {
        bail!("ps failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    print!("{}", rows(&String::from_utf8_lossy(&output.stdout), &pids)?);
    Ok(0)
}

/// The container's process and those below it. One that stands for a container in another's sandbox has none: the
/// processes of all containers of a sandbox are below the first one's.
fn processes(record: &Record) -> Result<BTreeSet<i32>> {
    let mut found: BTreeSet<i32> =
        record.sentry.filter(|process| process.is_alive()).map(|process| process.pid).into_iter().collect();
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").to("read /proc")? {
        let name = entry.to("read /proc")?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // It may end just now.
        let parent = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| parent(&stat));
        children.extend(parent.map(|parent| (parent, pid)));
    }
    loop {
        let more: Vec<_> =
            children.iter().filter(|(parent, pid)| found.contains(parent) && !found.contains(pid)).collect();
        if more.is_empty() {
            return Ok(found);
        }
        found.extend(more.into_iter().map(|(_, pid)| *pid));
    }
}

/// The parent in a line of /proc/PID/stat; the name before it may contain anything.
fn parent(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The heading of a table, and its rows of these processes.
fn rows(table: &str, pids: &BTreeSet<i32>) -> Result<String> {
    let mut lines = table.lines();
    let heading = lines.next().unwrap_or_default();
    let Some(column) = heading.split_whitespace().position(|word| word == "PID") else {
        bail!("the options of ps leave out the column PID");
    };
    let is_one = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|word| word.parse().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    };
    Ok([heading].into_iter().chain(lines.filter(is_one)).flat_map(|line| [line, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents() {
        assert_eq!(parent("7 (a) b) S 5 7 7 0"), Some(5));
        assert_eq!(parent("7"), None);
    }

    #[test]
    fn tables() {
        let table = "UID   PID PPID CMD\nroot   12    1 a\nroot   13   12 b 12\n";
        assert_eq!(rows(table, &BTreeSet::from([13])).unwrap(), "UID   PID PPID CMD\nroot   13   12 b 12\n");
        assert!(rows("CMD\nx\n", &BTreeSet::new()).is_err());
    }
}
