//! /proc/PID/status and comm: `proc_pid_status(5)`, `proc_pid_comm(5)`.

use super::process::Process;
use super::stat::{State, parent_id, tracer_id};
use crate::sys::Machine;
use abi::Errno;
use abi::resource::Resource;
use kernel::Task;
use std::sync::Arc;
use vfs::Caller;

type Text = Result<Vec<u8>, Errno>;

/// The name and a newline.
pub(super) fn comm(process: &Process, _caller: &Caller) -> Text {
    let mut text = process.task.comm();
    text.push(b'\n');
    Ok(text)
}

/// Sets the name; only for threads of the same process.
pub(super) fn set_comm(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let own = Task::of(caller).ok_or(Errno::EINVAL)?;
    if !Arc::ptr_eq(own.group(), process.task.group()) {
        return Err(Errno::EINVAL);
    }
    process.task.with_attributes(|attributes| attributes.set_comm(bytes));
    Ok(())
}

/// `proc_pid_personality(5)`.
pub(super) fn personality(process: &Process, _caller: &Caller) -> Text {
    Ok(format!("{:08x}\n", process.task.attributes().personality).into_bytes())
}

/// Children of a thread: those of its process are shown for the leader.
pub(super) fn children(process: &Process, _caller: &Caller) -> Text {
    let group = process.task.group();
    let mut out = Vec::new();
    if process.task.tid() == group.pid().root() {
        for child in group.children() {
            put!(out, "{} ", child.pid().within(&process.root.ns));
        }
    }
    Ok(out)
}

/// Appends ids, tabs between them.
fn ids(out: &mut Vec<u8>, name: &str, ids: impl IntoIterator<Item = i32>) {
    put!(out, "{name}:");
    for id in ids {
        put!(out, "\t{id}");
    }
    out.push(b'\n');
}

/// `proc_pid_status(5)`.
pub(super) fn status(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    identity(&mut out, process);
    if let Some(mm) = process.task.mm() {
        memory(&mut out, &mm.usage());
    }
    signals(&mut out, process);
    rights(&mut out, process);
    processors(&mut out, process);
    let usage = process.task.usage();
    put!(out, "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n", usage.voluntary, usage.involuntary);
    Ok(out)
}

fn identity(out: &mut Vec<u8>, process: &Process) {
    let (task, ns) = (&process.task, &process.root.ns);
    let group = task.group();
    let creds = task.creds();
    put!(out, "Name:\t");
    for byte in task.comm() {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            _ => out.push(byte),
        }
    }
    out.push(b'\n');
    if let Some(fs) = task.fs() {
        put!(out, "Umask:\t{:04o}\n", fs.umask());
    }
    let (state, tgid, pid) = (State::of(task), group.pid().within(ns), task.tid_in(ns));
    put!(out, "State:\t{}\nTgid:\t{tgid}\nNgid:\t0\nPid:\t{pid}\n", state.words());
    put!(out, "PPid:\t{}\nTracerPid:\t{}\n", parent_id(process), tracer_id(process));
    put!(out, "Uid:\t{}\t{}\t{}\t{}\n", creds.uid, creds.euid, creds.suid, creds.fsuid);
    put!(out, "Gid:\t{}\t{}\t{}\t{}\n", creds.gid, creds.egid, creds.sgid, creds.fsgid);
    put!(out, "FDSize:\t{}\nGroups:\t", task.fds().map_or(0, |fds| fds.size()));
    let groups: Vec<String> = creds.groups.iter().map(ToString::to_string).collect();
    put!(out, "{} \n", groups.join(" "));
    let process_group = group.process_group();
    ids(out, "NStgid", group.pid().ids_from(ns).iter().copied());
    ids(out, "NSpid", task.pid().ids_from(ns).iter().copied());
    ids(out, "NSpgid", process_group.iter().flat_map(|group| group.id().ids_from(ns).to_vec()));
    ids(out, "NSsid", process_group.iter().flat_map(|group| group.session().id().ids_from(ns).to_vec()));
    put!(out, "Kthread:\t0\n");
}

/// Sizes in KiB.
fn memory(out: &mut Vec<u8>, usage: &mm::Usage) {
    let anonymous = usage.resident.saturating_sub(usage.shared);
    let rows = [
        ("VmPeak", usage.peak),
        ("VmSize", usage.size),
        ("VmLck", usage.locked),
        ("VmPin", 0),
        ("VmHWM", usage.resident),
        ("VmRSS", usage.resident),
        ("RssAnon", anonymous),
        ("RssFile", usage.shared),
        ("RssShmem", 0),
        ("VmData", usage.data),
        ("VmStk", usage.stack),
        ("VmExe", usage.text),
        ("VmLib", 0),
        ("VmPTE", usage.resident / 512),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ];
    for (name, bytes) in rows {
        put!(out, "{name}:\t{:8} kB\n", bytes / 1024);
    }
    put!(out, "CoreDumping:\t0\nTHP_enabled:\t1\nuntag_mask:\t0xffffffffffffffff\n");
}

fn signals(out: &mut Vec<u8>, process: &Process) {
    let (task, group) = (&process.task, process.task.group());
    let sets = task.signal_sets();
    let queued = process.root.kernel.user(task.creds().uid).signals();
    put!(out, "Threads:\t{}\n", group.all_tasks().len());
    put!(out, "SigQ:\t{queued}/{}\n", group.limit(Resource::Sigpending as u32));
    let rows = [
        ("SigPnd", sets.pending),
        ("ShdPnd", sets.shared),
        ("SigBlk", sets.blocked),
        ("SigIgn", sets.ignored),
        ("SigCgt", sets.caught),
    ];
    for (name, set) in rows {
        put!(out, "{name}:\t{:016x}\n", set.0);
    }
}

fn rights(out: &mut Vec<u8>, process: &Process) {
    let attributes = process.task.attributes();
    let creds = &attributes.creds;
    let rows = [
        ("CapInh", creds.inheritable),
        ("CapPrm", creds.permitted),
        ("CapEff", creds.effective),
        ("CapBnd", creds.bounding),
        ("CapAmb", creds.ambient),
    ];
    for (name, set) in rows {
        put!(out, "{name}:\t{set:016x}\n");
    }
    let (mode, filters) = process.task.seccomp_status();
    put!(out, "NoNewPrivs:\t{}\n", u8::from(attributes.no_new_privs));
    put!(out, "Seccomp:\t{mode}\nSeccomp_filters:\t{filters}\n");
    put!(out, "Speculation_Store_Bypass:\tvulnerable\nSpeculationIndirectBranch:\tconditional enabled\n");
}

fn processors(out: &mut Vec<u8>, process: &Process) {
    let cpus = Machine::of(&process.root.kernel).cpus;
    let set = process.task.attributes().sched.affinity.map_or(cpus, |affinity| affinity.and(cpus));
    put!(out, "Cpus_allowed:\t{}\nCpus_allowed_list:\t{}\n", set.mask(cpus.end()), set.list());
    put!(out, "Mems_allowed:\t00000001\nMems_allowed_list:\t0\n");
}
