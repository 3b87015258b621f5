//! Sandboxes whose program waits for input: the memory of all their processes, and the processor time that they take.

use super::runtime::Runtime;
use super::{Plan, Rows};
use crate::process::{self, End};
use crate::sandbox::{descendants, kill};
use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Seconds over which processor time is counted.
const SECONDS: u64 = 15;

/// Sandboxes side by side.
const MANY: usize = 100;

/// Until then all must have started.
const LIMIT: Duration = Duration::from_mins(1);

/// Until then all must have ended.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sandboxes whose programs end with their input. They do when this is dropped.
struct Waiting(Vec<Child>);

impl Drop for Waiting {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.stdin.take());
        }
        let deadline = Instant::now() + PATIENCE;
        for child in &mut self.0 {
            let below = descendants(child.id());
            // What does not end is killed, in its own process group or another.
            if process::wait(child, deadline) == Ok(End::TimeLimit) {
                below.into_iter().for_each(kill);
            }
        }
    }
}

/// One sandbox and a second one; of Nacre also many.
pub(super) fn measure(runtime: &Runtime, plan: &Plan) -> Result<Rows, String> {
    let mut waiting = Waiting(Vec::new());
    waiting.add(1, runtime, plan)?;
    let first = waiting.memory();
    waiting.add(1, runtime, plan)?;
    let mut rows = vec![mib("idle-memory", first), mib("idle-memory-of-next", waiting.memory() - first)];
    if plan.quick {
        return Ok(rows);
    }
    rows.push(ms(format!("idle-cpu-{SECONDS}s"), waiting.idle()));
    // A hundred of another runtime may be more than the machine bears.
    if runtime.name == "nacre" {
        let start = Instant::now();
        waiting.add(MANY - 2, runtime, plan)?;
        rows.push(ms(format!("start-of-{}", MANY - 2), start.elapsed().as_secs_f64() * 1e3));
        rows.push(ms(format!("idle-cpu-of-{MANY}-{SECONDS}s"), waiting.idle()));
        rows.push(mib(&format!("idle-memory-of-{MANY}"), waiting.memory()));
    }
    Ok(rows)
}

fn mib(row: &str, value: f64) -> (String, f64, String) {
    (row.to_owned(), value, "MiB".to_owned())
}

fn ms(row: String, value: f64) -> (String, f64, String) {
    (row, value, "ms".to_owned())
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

    /// Processor time of some seconds, in ms.
    fn idle(&self) -> f64 {
        // What a start leaves to be done later is not idling.
        sleep(Duration::from_secs(2));
        let before = self.processor_ms();
        sleep(Duration::from_secs(SECONDS));
        self.processor_ms() - before
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
