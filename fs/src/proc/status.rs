//! /proc/PID/status and comm: `proc_pid_status(5)`, `proc_pid_comm(5)`.

use super::process::Process;
use super::stat::{State, parent_id, tracer_id};
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

/// Children of a thread, not of the others of its process.
pub(super) fn children(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    for child in process.task.group().children_of(&process.task) {
        put!(out, "{} ", child.pid().within(&process.root.ns));
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
pub(super) fn status(process: &Process, caller: &Caller) -> Text {
    let mut out = Vec::new();
    identity(&mut out, process, caller);
    if let Some(mm) = process.task.mm() {
        memory(&mut out, &mm, process.task.group().is_dumping());
    }
    signals(&mut out, process);
    rights(&mut out, process);
    processors(&mut out, process);
    let usage = process.task.usage();
    put!(out, "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n", usage.voluntary, usage.involuntary);
    Ok(out)
}

fn identity(out: &mut Vec<u8>, process: &Process, caller: &Caller) {
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
    let users = &caller.creds.user_ns;
    let [uid, euid, suid, fsuid] = [creds.uid, creds.euid, creds.suid, creds.fsuid].map(|id| users.guest_uid(id));
    let [gid, egid, sgid, fsgid] = [creds.gid, creds.egid, creds.sgid, creds.fsgid].map(|id| users.guest_gid(id));
    put!(out, "Uid:\t{uid}\t{euid}\t{suid}\t{fsuid}\nGid:\t{gid}\t{egid}\t{sgid}\t{fsgid}\n");
    put!(out, "FDSize:\t{}\nGroups:\t", task.fds().map_or(0, |fds| fds.size()));
    let groups: Vec<String> = creds.groups.iter().map(|&gid| users.guest_gid(gid).to_string()).collect();
    put!(out, "{} \n", groups.join(" "));
    let process_group = group.process_group();
    ids(out, "NStgid", group.pid().ids_from(ns).iter().copied());
    ids(out, "NSpid", task.pid().ids_from(ns).iter().copied());
    ids(out, "NSpgid", process_group.iter().flat_map(|group| group.id().ids_from(ns).to_vec()));
    ids(out, "NSsid", process_group.iter().flat_map(|group| group.session().id().ids_from(ns).to_vec()));
    put!(out, "Kthread:\t0\n");
}

/// What the host says of the memory, in KiB; 0 where it does not.
fn host_sizes<const N: usize>(mm: &mm::Mm, names: [&str; N]) -> [u64; N] {
    let text = mm.space().proc_file("status", false).ok();
    let text = text.and_then(|file| std::io::read_to_string(file).ok()).unwrap_or_default();
    names.map(|name| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    })
}

/// Sizes in KiB.
fn memory(out: &mut Vec<u8>, mm: &mm::Mm, is_dumping: bool) {
    let usage = mm.usage();
    let [highest, anonymous, file, shared, tables, swapped] =
        host_sizes(mm, ["VmHWM", "RssAnon", "RssFile", "RssShmem", "VmPTE", "VmSwap"]);
    let resident = usage.resident / 1024;
    let rows = [
        ("VmPeak", usage.peak / 1024),
        ("VmSize", usage.size / 1024),
        ("VmLck", usage.locked / 1024),
        ("VmPin", 0),
        ("VmHWM", highest.max(resident)),
        ("VmRSS", resident),
        ("RssAnon", anonymous),
        ("RssFile", file),
        ("RssShmem", shared),
        ("VmData", usage.data / 1024),
        ("VmStk", usage.stack / 1024),
        ("VmExe", usage.text / 1024),
        ("VmLib", 0),
        ("VmPTE", tables),
        ("VmSwap", swapped),
        ("HugetlbPages", 0),
    ];
    for (name, kib) in rows {
        put!(out, "{name}:\t{kib:8} kB\n");
    }
    put!(out, "CoreDumping:\t{}\nTHP_enabled:\t1\nuntag_mask:\t0xffffffffffffffff\n", u8::from(is_dumping));
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
    let set = process.task.affinity();
    let width = kernel::sched::cpus().end();
    put!(out, "Cpus_allowed:\t{}\nCpus_allowed_list:\t{}\n", set.mask(width), set.list());
    put!(out, "Mems_allowed:\t00000001\nMems_allowed_list:\t0\n");
}
