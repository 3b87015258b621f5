//! Figures of a process: `proc_pid_stat(5)`, `proc_pid_statm(5)`, scheduling.

use super::access::may_read;
use super::machine::{since_boot, ticks};
use super::process::Process;
use abi::Errno;
use kernel::{Status, Task, Transfers, Usage};
use std::sync::Arc;
use vfs::Caller;

type Text = Result<Vec<u8>, Errno>;

/// Bytes of a page.
const PAGE: u64 = abi::mm::PAGE_SIZE;

/// State of a thread as /proc shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Sleeping,
    Stopped,
    /// For its tracer.
    Trapped,
    Zombie,
}

impl State {
    pub(super) fn of(task: &Arc<Task>) -> Self {
        if !task.is_live() {
            Self::Zombie
        } else if task.is_trapped() {
            Self::Trapped
        } else if task.is_stopped() {
            Self::Stopped
        } else if task.is_asleep() {
            Self::Sleeping
        } else {
            Self::Running
        }
    }

    pub(super) const fn letter(self) -> char {
        match self {
            Self::Running => 'R',
            Self::Sleeping => 'S',
            Self::Stopped => 'T',
            Self::Trapped => 't',
            Self::Zombie => 'Z',
        }
    }

    /// As /proc/PID/status shows it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Running => "R (running)",
            Self::Sleeping => "S (sleeping)",
            Self::Stopped => "T (stopped)",
            Self::Trapped => "t (tracing stop)",
            Self::Zombie => "Z (zombie)",
        }
    }
}

/// The parent's id as the mount's namespace sees it; 0 for none.
pub(super) fn parent_id(process: &Process) -> i32 {
    process.task.group().parent().map_or(0, |parent| parent.pid().within(&process.root.ns))
}

/// Its tracer's id as the mount's namespace sees it; 0 for none.
pub(super) fn tracer_id(process: &Process) -> i32 {
    process.task.tracer().map_or(0, |tracer| tracer.tid_in(&process.root.ns))
}

/// Group, session, terminal and the terminal's foreground group.
fn job(process: &Process) -> (i32, i32, u64, i32) {
    let ns = &process.root.ns;
    let Some(group) = process.task.group().process_group() else { return (0, 0, 0, -1) };
    let session = group.session();
    let (tty, foreground) = session.terminal().map_or((0, -1), |terminal| {
        (terminal.device(), session.foreground().map_or(0, |foreground| foreground.id().within(ns)))
    });
    (group.id().within(ns), session.id().within(ns), tty, foreground)
}

/// Use of the thread, or of the process with its dead threads, and of the children that were waited for.
fn usage(process: &Process) -> (Usage, Usage) {
    let group = process.task.group();
    if process.is_thread { (process.task.usage(), Usage::default()) } else { (group.usage(), group.child_usage()) }
}

/// `proc_pid_stat(5)`.
pub(super) fn stat(process: &Process, caller: &Caller) -> Text {
    let task = &process.task;
    let group = task.group();
    let attributes = task.attributes();
    let state = State::of(task);
    let (process_group, session, tty, foreground) = job(process);
    let (own, children) = usage(process);
    let sched = attributes.sched;
    let priority = if sched.priority > 0 { -1 - i64::from(sched.priority) } else { 20 + i64::from(sched.nice) };
    let start = ticks(since_boot(caller, task.start_time().saturating_sub(task.kernel().boot())));
    let mm = task.mm();
    let is_permitted = may_read(caller, task);
    let sizes = mm.as_ref().map(|mm| mm.usage()).unwrap_or_default();
    // Addresses are for those who may look; to others they are 1 and 0.
    let layout = mm.as_ref().filter(|_| is_permitted).map(|mm| mm.layout());
    let rss_limit = if mm.is_some() { group.limit(abi::resource::Resource::Rss as u32) } else { 0 };
    let code = match (&layout, &mm) {
        (Some(layout), _) => [layout.start_code, layout.end_code, layout.start_stack],
        (None, Some(_)) => [1, 1, 0],
        (None, None) => [0; 3],
    };
    let data = layout.map_or([0; 7], |layout| {
        let start_brk = layout.start_brk;
        [
            layout.start_data,
            layout.end_data,
            start_brk,
            layout.arg_start,
            layout.arg_end,
            layout.env_start,
            layout.env_end,
        ]
    });
    let sets = task.signal_sets();
    let exit = if is_permitted { group.status().map_or(0, Status::to_wait) } else { 0 };
    let mut out = Vec::new();
    put!(out, "{} (", task.tid_in(&process.root.ns));
    out.extend_from_slice(attributes.comm());
    put!(out, ") {} {} {process_group} {session} {tty} {foreground} 4194304", state.letter(), parent_id(process));
    put!(out, " {} {} {} {}", own.minor_faults, children.minor_faults, own.major_faults, children.major_faults);
    put!(out, " {} {} {} {}", ticks(own.user), ticks(own.system), ticks(children.user), ticks(children.system));
    put!(out, " {priority} {} {} 0 {start}", sched.nice, group.all_tasks().len());
    put!(out, " {} {} {rss_limit} {} {} {} 0 0", sizes.size, sizes.resident / PAGE, code[0], code[1], code[2]);
    // Only the signals below 32 fit, as on Linux.
    let low = |set: abi::signal::SigSet| set.0 & 0x7fff_ffff;
    put!(
        out,
        " {} {} {} {} 0 0 0 {}",
        low(sets.pending),
        low(sets.blocked),
        low(sets.ignored),
        low(sets.caught),
        group.exit_signal()
    );
    put!(out, " 0 {} {} 0 0 0", sched.priority, sched.policy);
    for address in data {
        put!(out, " {address}");
    }
    put!(out, " {exit}\n");
    Ok(out)
}

/// `proc_pid_syscall(5)`. Only a thread that is stopped for its tracer shows its registers.
pub(super) fn syscall(process: &Process, _caller: &Caller) -> Text {
    let Some(regs) = process.task.trapped_regs() else { return Ok(b"running\n".to_vec()) };
    let mut out = Vec::new();
    let nr = regs.orig_rax as i64;
    put!(out, "{nr}");
    if nr >= 0 {
        for argument in [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9] {
            put!(out, " {argument:#x}");
        }
    }
    put!(out, " {:#x} {:#x}\n", regs.rsp, regs.rip);
    Ok(out)
}

/// `proc_pid_statm(5)`: pages.
pub(super) fn statm(process: &Process, _caller: &Caller) -> Text {
    let Some(mm) = process.task.mm() else { return Ok(b"0 0 0 0 0 0 0\n".to_vec()) };
    let usage = mm.usage();
    let pages = |bytes: u64| bytes / PAGE;
    Ok(format!(
        "{} {} {} {} 0 {} 0\n",
        pages(usage.size),
        pages(usage.resident),
        pages(usage.shared),
        pages(usage.text),
        pages(usage.data + usage.stack),
    )
    .into_bytes())
}

/// `proc_pid_io(5)`.
pub(super) fn io(process: &Process, _caller: &Caller) -> Text {
    let sum = if process.is_thread {
        process.task.usage()
    } else {
        let group = process.task.group();
        let mut sum = group.usage();
        sum.add(&group.child_usage());
        sum
    };
    let Transfers { bytes_read, bytes_written, reads, writes } = sum.transfers;
    let mut out = Vec::new();
    put!(out, "rchar: {bytes_read}\nwchar: {bytes_written}\nsyscr: {reads}\nsyscw: {writes}\n");
    // What goes to disks is the host's business.
    out.extend_from_slice(b"read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
    Ok(out)
}

/// Time on a processor, time waited for one (nobody counts), how often it got one: at its start, and after each switch.
pub(super) fn schedstat(process: &Process, _caller: &Caller) -> Text {
    let usage = process.task.usage();
    let time = (usage.user + usage.system).as_nanos();
    Ok(format!("{time} 0 {}\n", usage.voluntary + usage.involuntary + 1).into_bytes())
}

/// Some of what Linux shows for debugging.
pub(super) fn sched(process: &Process, _caller: &Caller) -> Text {
    let task = &process.task;
    let (usage, sched) = (task.usage(), task.attributes().sched);
    let mut out = task.comm();
    put!(out, " ({}, #threads: {})\n", task.tid_in(&process.root.ns), task.group().all_tasks().len());
    put!(out, "-------------------------------------------------------------------\n");
    let runtime = (usage.user + usage.system).as_micros();
    put!(out, "{:<45}:{:21}.{:06}\n", "se.sum_exec_runtime", runtime / 1000, runtime % 1000 * 1000);
    put!(out, "{:<45}:{:21}\n", "nr_switches", usage.voluntary + usage.involuntary);
    put!(out, "{:<45}:{:21}\n", "nr_voluntary_switches", usage.voluntary);
    put!(out, "{:<45}:{:21}\n", "nr_involuntary_switches", usage.involuntary);
    put!(out, "{:<45}:{:21}\n", "policy", sched.policy);
    put!(out, "{:<45}:{:21}\n", "prio", 120 + sched.nice);
    Ok(out)
}
