//! /proc/PID/limits: `proc_pid_limits(5)`.

use super::process::Process;
use abi::Errno;
use abi::resource::{RLIM_INFINITY, Resource};
use vfs::Caller;

/// Name and unit of each limit.
const ROWS: [(Resource, &str, &str); Resource::COUNT] = [
    (Resource::Cpu, "Max cpu time", "seconds"),
    (Resource::Fsize, "Max file size", "bytes"),
    (Resource::Data, "Max data size", "bytes"),
    (Resource::Stack, "Max stack size", "bytes"),
    (Resource::Core, "Max core file size", "bytes"),
    (Resource::Rss, "Max resident set", "bytes"),
    (Resource::Nproc, "Max processes", "processes"),
    (Resource::Nofile, "Max open files", "files"),
    (Resource::Memlock, "Max locked memory", "bytes"),
    (Resource::As, "Max address space", "bytes"),
    (Resource::Locks, "Max file locks", "locks"),
    (Resource::Sigpending, "Max pending signals", "signals"),
    (Resource::Msgqueue, "Max msgqueue size", "bytes"),
    (Resource::Nice, "Max nice priority", ""),
    (Resource::Rtprio, "Max realtime priority", ""),
    (Resource::Rttime, "Max realtime timeout", "us"),
];

fn value(limit: u64) -> String {
    if limit == RLIM_INFINITY { "unlimited".into() } else { limit.to_string() }
}

/// The limits of a process.
pub(super) fn limits(process: &Process, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    let limits = process.task.group().limits.lock().clone();
    let mut out = Vec::new();
    put!(out, "{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (resource, name, unit) in ROWS {
        let limit = limits.get(resource);
        put!(out, "{name:<25} {:<20} {:<20} {unit:<10}\n", value(limit.cur), value(limit.max));
    }
    Ok(out)
}
