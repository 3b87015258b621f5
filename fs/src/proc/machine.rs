//! Files about the whole machine.

use super::cpuinfo;
use super::root::Root;
use super::stat::State;
use crate::sys::Machine;
use abi::Errno;
use kernel::{Task, ThreadGroup};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use sync::Clock;
use vfs::Caller;

type Text = Result<Vec<u8>, Errno>;

/// Clock ticks of a second: `USER_HZ`.
const USER_HZ: u128 = 100;

/// A time in clock ticks.
pub(super) fn ticks(time: Duration) -> u64 {
    (time.as_nanos() * USER_HZ / 1_000_000_000) as u64
}

/// A file without content.
pub(super) fn empty(_root: &Root, _caller: &Caller) -> Text {
    Ok(Vec::new())
}

pub(super) fn cpuinfo(_root: &Root, caller: &Caller) -> Text {
    Ok(cpuinfo::cpuinfo(&Machine::seen_by(caller).cpus))
}

/// Without a boot loader there is no command line.
pub(super) fn cmdline(_root: &Root, _caller: &Caller) -> Text {
    Ok(b"\n".to_vec())
}

/// Resident and shared bytes of all address spaces.
fn resident(groups: &[Arc<ThreadGroup>]) -> (u64, u64) {
    let mut seen = BTreeSet::new();
    let mut sum = (0, 0);
    for mm in groups.iter().filter_map(|group| group.leader()?.mm()) {
        if seen.insert(mm.id()) {
            let usage = mm.usage();
            sum.0 += usage.resident;
            sum.1 += usage.shared;
        }
    }
    sum
}

/// KiB that the caller's container may have; resident and shared bytes of its processes if it has a limit of its own, or
/// else of all.
fn memory_of(root: &Root, caller: &Caller) -> (u64, u64, u64) {
    let memory = Machine::seen_by(caller).memory;
    let mut groups = root.kernel.groups();
    if memory < Machine::of(None).memory {
        let container = Task::of(caller).map(|task| task.group().container());
        groups.retain(|group| container.is_some_and(|container| Arc::ptr_eq(group.container(), container)));
    }
    let (resident, shared) = resident(&groups);
    (memory / 1024, resident, shared)
}

/// `proc_meminfo(5)`. A container with a limit sees that, and its own processes.
pub(super) fn meminfo(root: &Root, caller: &Caller) -> Text {
    let (total, resident, shared) = memory_of(root, caller);
    let anonymous = (resident.saturating_sub(shared) / 1024).min(total);
    let mapped = shared / 1024;
    let free = total - anonymous;
    let rows: [(&str, u64); 48] = [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", mapped),
        ("SwapCached", 0),
        ("Active", anonymous),
        ("Inactive", mapped),
        ("Active(anon)", anonymous),
        ("Inactive(anon)", 0),
        ("Active(file)", 0),
        ("Inactive(file)", mapped),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Zswap", 0),
        ("Zswapped", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", anonymous),
        ("Mapped", mapped),
        ("Shmem", 0),
        ("KReclaimable", 0),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("SUnreclaim", 0),
        ("KernelStack", 0),
        ("PageTables", 0),
        ("SecPageTables", 0),
        ("NFS_Unstable", 0),
        ("Bounce", 0),
        ("WritebackTmp", 0),
        ("CommitLimit", total / 2),
        ("Committed_AS", anonymous),
        ("VmallocTotal", 34_359_738_367),
        ("VmallocUsed", 0),
        ("VmallocChunk", 0),
        ("Percpu", 0),
        ("AnonHugePages", 0),
        ("ShmemHugePages", 0),
        ("ShmemPmdMapped", 0),
        ("FileHugePages", 0),
        ("FilePmdMapped", 0),
        ("HugePages_Total", 0),
        ("HugePages_Free", 0),
        ("HugePages_Rsvd", 0),
        ("HugePages_Surp", 0),
    ];
    let mut out = Vec::new();
    for (name, value) in rows {
        let unit = if name.starts_with("HugePages_") { "" } else { " kB" };
        put!(out, "{:<15} {value:8}{unit}\n", format!("{name}:"));
    }
    put!(out, "Hugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    Ok(out)
}

/// User and system time of all processes that are there.
fn used(groups: &[Arc<ThreadGroup>]) -> (Duration, Duration) {
    let usages = groups.iter().map(|group| group.usage());
    usages.fold((Duration::ZERO, Duration::ZERO), |sum, usage| (sum.0 + usage.user, sum.1 + usage.system))
}

/// Time that the processors had nothing to do.
fn idle(root: &Root, caller: &Caller, busy: Duration) -> Duration {
    (root.kernel.uptime() * Machine::seen_by(caller).cpus.len()).saturating_sub(busy)
}

/// `proc_stat(5)`.
pub(super) fn stat(root: &Root, caller: &Caller) -> Text {
    let cpus = Machine::seen_by(caller).cpus;
    let groups = root.kernel.groups();
    let (user, system) = used(&groups);
    let (user, system, idle) = (ticks(user), ticks(system), ticks(idle(root, caller, user + system)));
    let mut out = Vec::new();
    put!(out, "cpu  {user} 0 {system} {idle} 0 0 0 0 0 0\n");
    let count = u64::from(cpus.len()).max(1);
    for (index, cpu) in cpus.iter().enumerate() {
        // What is left over by the division belongs to the first one.
        let share = |total: u64| total / count + if index == 0 { total % count } else { 0 };
        put!(out, "cpu{cpu} {} 0 {} {} 0 0 0 0 0 0\n", share(user), share(system), share(idle));
    }
    let boot = sync::now(Clock::Realtime).saturating_sub(root.kernel.uptime());
    let (running, _) = threads(&groups);
    put!(out, "intr 0\nctxt 0\nbtime {}\nprocesses {}\n", boot.as_secs(), root.kernel.tree().last_id(&root.ns));
    put!(out, "procs_running {running}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n");
    Ok(out)
}

/// Running threads, and all.
fn threads(groups: &[Arc<ThreadGroup>]) -> (usize, usize) {
    let mut count = (0, 0);
    for task in groups.iter().flat_map(|group| group.all_tasks()) {
        count.0 += usize::from(State::of(&task) == State::Running);
        count.1 += 1;
    }
    count
}

/// `proc_loadavg(5)`. Nobody samples the load: that would wake an idle sandbox.
pub(super) fn loadavg(root: &Root, _caller: &Caller) -> Text {
    let (running, all) = threads(&root.kernel.groups());
    let last = root.kernel.tree().last_id(&root.ns);
    Ok(format!("0.00 0.00 0.00 {running}/{all} {last}\n").into_bytes())
}

/// A time since the start of the machine as the reader's time namespace has it.
pub(super) fn since_boot(caller: &Caller, time: Duration) -> Duration {
    Task::of(caller).map_or(time, |task| task.clock_offsets().shown(Clock::Boottime, time))
}

/// `proc_uptime(5)`.
pub(super) fn uptime(root: &Root, caller: &Caller) -> Text {
    let (user, system) = used(&root.kernel.groups());
    let (up, idle) = (since_boot(caller, root.kernel.uptime()), idle(root, caller, user + system));
    let hundredths = |time: Duration| time.subsec_millis() / 10;
    Ok(format!("{}.{:02} {}.{:02}\n", up.as_secs(), hundredths(up), idle.as_secs(), hundredths(idle)).into_bytes())
}

/// `proc_version(5)`; the same facts as `uname(2)`.
pub(super) fn version(_root: &Root, _caller: &Caller) -> Text {
    let (release, version) = (kernel::RELEASE, kernel::VERSION);
    Ok(format!("Linux version {release} (nacre@nacre) (rustc) {version}\n").into_bytes())
}

/// `proc_filesystems(5)`.
pub(super) fn filesystems(_root: &Root, caller: &Caller) -> Text {
    let mut out = Vec::new();
    let Some(fs) = kernel::Task::of(caller).and_then(kernel::Task::fs) else { return Ok(out) };
    for kind in fs.vfs().filesystem_types() {
        let nodev = if kind.needs_device() { "" } else { "nodev" };
        put!(out, "{nodev}\t{}\n", kind.name());
    }
    Ok(out)
}

/// `proc_devices(5)`.
pub(super) fn devices(_root: &Root, caller: &Caller) -> Text {
    let mut out = b"Character devices:\n".to_vec();
    let registered = kernel::Task::of(caller).and_then(kernel::Task::fs).map(|fs| fs.vfs().devices().list());
    let majors: BTreeSet<u32> = registered.into_iter().flatten().map(|(_, major, _)| major).collect();
    for major in majors {
        let names: &[&str] = match major {
            1 => &["mem"],
            5 => &["/dev/tty", "/dev/console", "/dev/ptmx"],
            10 => &["misc"],
            136 => &["pts"],
            _ => &[],
        };
        if major == 136 {
            put!(out, "128 ptm\n");
        }
        for name in names {
            put!(out, "{major:3} {name}\n");
        }
    }
    out.extend_from_slice(b"\nBlock devices:\n");
    Ok(out)
}

pub(super) fn cgroups(_root: &Root, _caller: &Caller) -> Text {
    let mut out = b"#subsys_name\thierarchy\tnum_cgroups\tenabled\n".to_vec();
    for name in ["cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "pids"] {
        put!(out, "{name}\t0\t1\t1\n");
    }
    Ok(out)
}

pub(super) fn swaps(_root: &Root, _caller: &Caller) -> Text {
    Ok(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_vec())
}

/// The heading of a table with a column for each processor.
fn cpu_heading(caller: &Caller, margin: usize) -> Vec<u8> {
    let mut out = vec![b' '; margin];
    for cpu in Machine::seen_by(caller).cpus.iter() {
        put!(out, "{:<11}", format!("CPU{cpu}"));
    }
    out.push(b'\n');
    out
}

pub(super) fn interrupts(_root: &Root, caller: &Caller) -> Text {
    let mut out = cpu_heading(caller, 11);
    put!(out, "ERR:          0\nMIS:          0\n");
    Ok(out)
}

pub(super) fn softirqs(_root: &Root, caller: &Caller) -> Text {
    let mut out = cpu_heading(caller, 20);
    for name in ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"] {
        put!(out, "{:>12}", format!("{name}:"));
        for _ in Machine::seen_by(caller).cpus.iter() {
            put!(out, " {:10}", 0);
        }
        out.push(b'\n');
    }
    Ok(out)
}

pub(super) fn vmstat(root: &Root, caller: &Caller) -> Text {
    let (resident, shared) = resident(&root.kernel.groups());
    let (total, anonymous, mapped) =
        (Machine::seen_by(caller).memory / 4096, resident.saturating_sub(shared) / 4096, shared / 4096);
    let faults = root.kernel.groups().iter().fold((0, 0), |sum, group| {
        let usage = group.usage();
        (sum.0 + usage.minor_faults + usage.major_faults, sum.1 + usage.major_faults)
    });
    let mut out = Vec::new();
    put!(out, "nr_free_pages {}\n", total.saturating_sub(anonymous));
    put!(out, "nr_inactive_anon 0\nnr_active_anon {anonymous}\nnr_inactive_file {mapped}\nnr_active_file 0\n");
    put!(out, "nr_unevictable 0\nnr_mlock 0\nnr_anon_pages {anonymous}\nnr_mapped {mapped}\nnr_file_pages {mapped}\n");
    put!(out, "nr_dirty 0\nnr_writeback 0\nnr_shmem 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n");
    put!(out, "pgfault {}\npgmajfault {}\noom_kill 0\n", faults.0, faults.1);
    Ok(out)
}

pub(super) fn buddyinfo(_root: &Root, _caller: &Caller) -> Text {
    Ok(format!("Node 0, zone   Normal {}\n", "     0 ".repeat(11)).into_bytes())
}

pub(super) fn execdomains(_root: &Root, _caller: &Caller) -> Text {
    Ok(b"0-0\tLinux           \t[kernel]\n".to_vec())
}

pub(super) fn pressure(_root: &Root, _caller: &Caller) -> Text {
    Ok(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n".to_vec())
}

pub(super) fn tty_drivers(_root: &Root, _caller: &Caller) -> Text {
    Ok(b"/dev/tty             /dev/tty        5       0 system:/dev/tty\n\
/dev/console         /dev/console    5       1 system:console\n\
/dev/ptmx            /dev/ptmx       5       2 system\n\
pty_slave            /dev/pts      136 0-1048575 pty:slave\n\
pty_master           /dev/ptm      128 0-1048575 pty:master\n"
        .to_vec())
}
