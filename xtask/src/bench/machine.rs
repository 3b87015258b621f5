//! When and where a run was.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// Today: YYYY-MM-DD.
pub(super) fn date() -> String {
    output("date", &["-u", "+%F"])
}

/// Processor, kernel and distribution.
pub(super) fn describe() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let system = field("/etc/os-release", "PRETTY_NAME=").trim_matches('"').to_owned();
    let system = system.replace(" GNU/Linux", "");
    let processor = field("/proc/cpuinfo", "model name\t: ");
    format!("{cores} × {processor}, Linux {}, {system}", output("uname", &["-r"]))
}

/// Load average of the last minute: proc(5).
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown").to_owned()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
