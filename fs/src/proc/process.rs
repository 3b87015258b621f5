//! /proc/PID and /proc/PID/task/TID: `proc_pid(5)`.

use super::access::check_read;
use super::fds::{FdDir, What as FdWhat};
use super::root::Root;
use super::tasks::TaskDir;
use super::{
    addresses, dump, ids, limits, login, mem, mounts, namespaces, net, oom, pagemap, smaps, stat, status, timens,
    timers,
};
use crate::pseudo::{Node, Object, Row, Subject, TableDir, dir, file, knob, link, special, text};
use abi::Errno;
use abi::fs::FileType;
use kernel::Task;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use vfs::{Caller, Capability, Inode, LinkTarget};

/// A process, or one thread of it.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) root: Root,
    pub(super) task: Arc<Task>,
    /// Below /proc/PID/task: figures are the thread's own.
    pub(super) is_thread: bool,
}

impl Process {
    /// The process that the thread belongs to or leads, or the thread alone.
    pub(super) const fn new(root: Root, task: Arc<Task>, is_thread: bool) -> Self {
        Self { root, task, is_thread }
    }

    /// The thread's memory; `ESRCH` for a zombie.
    pub(super) fn mm(&self) -> Result<Arc<mm::Mm>, Errno> {
        self.task.mm().ok_or(Errno::ESRCH)
    }
}

impl Subject for Process {
    /// The effective user; root when the process does not want to be looked into.
    fn owner(&self, is_plain_dir: bool) -> (u32, u32) {
        let is_open = self.task.is_live() && self.task.group().is_dumpable.load(Relaxed);
        if !is_plain_dir && !is_open {
            return (0, 0);
        }
        let creds = self.task.creds();
        (creds.euid, creds.egid)
    }

    fn is_volatile(&self) -> bool {
        true
    }

    fn check_exists(&self) -> Result<(), Errno> {
        // Its number leads to it as long as it is there.
        let pid = self.task.pid();
        let found = self.root.kernel.task(pid.root());
        if found.is_some_and(|found| Arc::ptr_eq(&found, &self.task)) { Ok(()) } else { Err(Errno::ESRCH) }
    }
}

/// The directory of a process or thread.
pub(super) fn process_dir(process: Process) -> Box<dyn Object> {
    let rows = if process.is_thread { THREAD } else { PROCESS };
    Box::new(TableDir::new(process, rows))
}

/// The thread that leads the process of a directory /proc/PID.
pub fn task_of(inode: &dyn Inode) -> Option<Arc<Task>> {
    let inode: &dyn Any = inode;
    let object: &dyn Any = inode.downcast_ref::<Node>()?.object();
    let process = object.downcast_ref::<TableDir<Process>>()?.subject(PROCESS)?;
    Some(process.task.clone())
}

/// What /proc/PID has and /proc/PID/task/TID has not, and then what both have.
macro_rules! rows {
    ($($own:expr,)*) => {
        &[
            $($own,)*
            text("arch_status", 0o444, |_, _| Ok(b"AVX512_elapsed_ms:\t-1\n".to_vec())),
            dir("attr", ATTRIBUTES),
            text("auxv", 0o400, addresses::auxv).with_check(readable),
            text("cgroup", 0o444, |_, _| Ok(b"0::/\n".to_vec())),
            text("cmdline", 0o444, addresses::cmdline),
            knob("comm", 0o644, status::comm, status::set_comm),
            text("cpuset", 0o444, |_, _| Ok(b"/\n".to_vec())),
            link("cwd", cwd),
            text("environ", 0o400, addresses::environ).with_check(readable),
            link("exe", exe),
            special("fd", FileType::Directory, |process| Box::new(FdDir::new(process.clone(), FdWhat::Links))),
            special("fdinfo", FileType::Directory, |process| Box::new(FdDir::new(process.clone(), FdWhat::Info))),
            knob("gid_map", 0o644, ids::gid_map, ids::set_gid_map),
            text("io", 0o400, stat::io).with_check(readable),
            text("limits", 0o444, limits::limits),
            knob("loginuid", 0o644, login::uid, login::set_uid),
            text("maps", 0o444, addresses::maps).with_check(readable),
            file("mem", 0o600, mem::open),
            file("mountinfo", 0o444, mounts::mountinfo),
            file("mounts", 0o444, mounts::mounts),
            dir("net", net::ROWS),
            special("ns", FileType::Directory, namespaces::dir),
            text("numa_maps", 0o444, smaps::numa_maps).with_check(readable),
            knob("oom_adj", 0o644, oom::oom_adj, oom::set_oom_adj),
            text("oom_score", 0o444, oom::oom_score),
            knob("oom_score_adj", 0o644, oom::oom_score_adj, oom::set_oom_score_adj),
            file("pagemap", 0o400, pagemap::open),
            text("personality", 0o400, status::personality),
            knob("projid_map", 0o644, ids::projid_map, ids::set_projid_map),
            link("root", root_dir),
            text("sched", 0o644, stat::sched),
            text("schedstat", 0o444, stat::schedstat),
            text("sessionid", 0o444, login::session),
            knob("setgroups", 0o644, ids::setgroups, ids::set_setgroups),
            text("smaps", 0o444, smaps::smaps).with_check(readable),
            text("smaps_rollup", 0o444, smaps::smaps_rollup).with_check(readable),
            text("stack", 0o400, |_, _| Ok(Vec::new())).with_check(stack_readable),
            text("stat", 0o444, stat::stat),
            text("statm", 0o444, stat::statm),
            text("status", 0o444, status::status),
            text("syscall", 0o400, stat::syscall).with_check(readable),
            knob("timens_offsets", 0o644, timens::offsets, timens::set_offsets),
            knob("uid_map", 0o644, ids::uid_map, ids::set_uid_map),
            text("wchan", 0o444, |_, _| Ok(b"0".to_vec())),
        ]
    };
}

/// Files of a process, by name.
static PROCESS: &[Row<Process>] = rows![
    knob("autogroup", 0o644, |_, _| Ok(b"/autogroup-1 nice 0\n".to_vec()), |_, _, _| Ok(())),
    knob("clear_refs", 0o200, |_, _| Err(Errno::EINVAL), pagemap::clear_refs),
    knob("coredump_filter", 0o644, dump::filter, dump::set_filter),
    text("mountstats", 0o400, mounts::mountstats),
    special("task", FileType::Directory, |process| Box::new(TaskDir::new(process.clone()))),
    text("timers", 0o444, timers::timers),
    knob("timerslack_ns", 0o666, timers::slack, timers::set_slack),
];

/// Files of a thread, by name.
static THREAD: &[Row<Process>] = rows![text("children", 0o444, status::children),];

/// Files of security modules, of which there is none: `EINVAL` as without one.
static ATTRIBUTES: &[Row<Process>] = &[
    knob("current", 0o666, no_attribute, |_, _, _| Err(Errno::EINVAL)),
    knob("exec", 0o666, no_attribute, |_, _, _| Err(Errno::EINVAL)),
    knob("fscreate", 0o666, no_attribute, |_, _, _| Err(Errno::EINVAL)),
    knob("keycreate", 0o666, no_attribute, |_, _, _| Err(Errno::EINVAL)),
    text("prev", 0o444, no_attribute),
    knob("sockcreate", 0o666, no_attribute, |_, _, _| Err(Errno::EINVAL)),
];

fn no_attribute(_process: &Process, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    Err(Errno::EINVAL)
}

/// For files that show addresses or secrets.
pub(super) fn readable(process: &Process, caller: &Caller) -> Result<(), Errno> {
    check_read(caller, &process.task)
}

/// Stacks of the kernel are for its administrator alone. Here there are none to show.
fn stack_readable(_process: &Process, caller: &Caller) -> Result<(), Errno> {
    if caller.creds.has(Capability::SysAdmin) { Ok(()) } else { Err(Errno::EACCES) }
}

fn cwd(process: &Process, caller: &Caller) -> Result<LinkTarget, Errno> {
    readable(process, caller)?;
    Ok(LinkTarget::Place(process.task.fs().ok_or(Errno::ENOENT)?.cwd()))
}

fn root_dir(process: &Process, caller: &Caller) -> Result<LinkTarget, Errno> {
    readable(process, caller)?;
    Ok(LinkTarget::Place(process.task.fs().ok_or(Errno::ENOENT)?.root()))
}

fn exe(process: &Process, caller: &Caller) -> Result<LinkTarget, Errno> {
    readable(process, caller)?;
    let live = process.task.live().ok_or(Errno::ENOENT)?;
    Ok(LinkTarget::Place(live.program.file().place().clone()))
}
