//! Sandboxes whose program waits for input: the memory of all their processes, and the processor time that they take.

use super::runtime::Runtime;
use super::{Plan, Rows};
use crate::process;
use crate::sandbox::descendants;
use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Seconds over which processor time is counted.
const SECONDS: u64 = 15;

/// Sandboxes side by side.
const MANY: usize = 100;

/// Until then all must have started.
const LIMIT: Duration = Duration::from_mins(3);

/// Sandboxes whose programs end with their input. They do when this is dropped.
struct Waiting(Vec<Child>);

impl Drop for Waiting {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.stdin.take());
        }
        let deadline = Instant::now() + LIMIT;
        for child in &mut self.0 {
            // Those that do not end are killed.
            let _ = process::wait(child, deadline);
        }
    }
}

/// One sandbox, a second one, many.
pub(super) fn measure(runtime: &Runtime, plan: &Plan) -> Result<Rows, String> {
    let mut rows = Rows::new();
    let mut waiting = Waiting(Vec::new());
    waiting.add(1, runtime, plan)?;
    let first = waiting.memory();
    waiting.add(1, runtime, plan)?;
    let second = waiting.memory();
    rows.push(("idle-memory".to_owned(), first, "MiB".to_owned()));
    rows.push(("idle-memory-of-next".to_owned(), second - first, "MiB".to_owned()));
    if plan.quick {
        return Ok(rows);
    }
    let start = Instant::now();
    waiting.add(MANY - 2, runtime, plan)?;
    rows.push((format!("start-of-{}", MANY - 2), start.elapsed().as_secs_f64() * 1e3, "ms".to_owned()));
    // What a start leaves to be done later is not idling.
    sleep(Duration::from_secs(2));
    let before = waiting.processor_ms();
    sleep(Duration::from_secs(SECONDS));
    rows.push((format!("idle-cpu-of-{MANY}-{SECONDS}s"), waiting.processor_ms() - before, "ms".to_owned()));
    rows.push((format!("idle-memory-of-{MANY}"), waiting.memory(), "MiB".to_owned()));
    Ok(rows)
}

impl Waiting {
    /// Starts so many more and waits until the programs of all run.
    fn add(&mut self, count: usize, runtime: &Runtime, plan: &Plan) -> Result<(), String> {
        let marks: Vec<_> = (0..count).map(|n| plan.scratch.join(format!("waiting-{n}"))).collect();
        for mark in &marks {
            let words = ["/bin/sh", "-c", "echo up; exec /bin/cat"].map(str::to_owned);
            let mut command = runtime.command(&words, false, plan)?;
            let out = fs::File::create(mark).map_err(|e| format!("{}: {e}", mark.display()))?;
            command.stdin(Stdio::piped()).stdout(out).stderr(Stdio::null());
            self.0.push(command.spawn().map_err(|e| e.to_string())?);
        }
        let deadline = Instant::now() + LIMIT;
        for mark in &marks {
            while fs::read(mark).unwrap_or_default() != b"up\n" {
                if Instant::now() > deadline {
                    return Err("a sandbox does not start".to_owned());
                }
                sleep(Duration::from_millis(1));
            }
        }
        if count == 1 {
            // Until `cat` has replaced the shell.
            sleep(Duration::from_millis(500));
        }
        Ok(())
    }

    fn processes(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|child| std::iter::once(child.id()).chain(descendants(child.id())))
    }

    /// MiB.
    fn memory(&self) -> f64 {
        self.processes().filter_map(pss).sum::<f64>() / 1024.0
    }

    fn processor_ms(&self) -> f64 {
        self.processes().map(run_time).sum::<f64>() / 1e6
    }
}

/// Proportional memory of a process in KiB.
fn pss(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()
}

/// Processor time of a process's threads in nanoseconds.
fn run_time(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
    let time = |thread: fs::DirEntry| -> Option<f64> {
        fs::read_to_string(thread.path().join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    threads.filter_map(time).sum()
}
