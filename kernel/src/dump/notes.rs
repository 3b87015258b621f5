//! The notes of a core dump: `elf(5)`, "Notes"; the structs of Linux's `linux/elfcore.h`.

use crate::task::{CurrentTask, Task};
use crate::usage::Usage;
use abi::signal::SigInfo;
use mm::{Mapping, MappingSource, Mm, UserAddr, UserMemory};
use platform::Regs;
use std::time::Duration;
use zerocopy::IntoBytes;

const NT_PRSTATUS: u32 = 1;
const NT_FPREGSET: u32 = 2;
const NT_PRPSINFO: u32 = 3;
const NT_AUXV: u32 = 6;
const NT_X86_XSTATE: u32 = 0x202;
const NT_SIGINFO: u32 = 0x5349_4749;
const NT_FILE: u32 = 0x4649_4c45;

/// Most bytes of the names in `NT_FILE`.
const FILE_MAX: usize = 4 << 20;
/// Bytes of the arguments in `NT_PRPSINFO`.
const ARGS_LEN: usize = 80;

/// Registers and figures of one thread.
pub(super) struct ThreadImage {
    tid: i32,
    pending: u64,
    blocked: u64,
    usage: Usage,
    regs: Regs,
    fp: Vec<u8>,
    xstate: Vec<u8>,
}

impl ThreadImage {
    /// Those of the calling thread.
    pub(super) fn of(current: &mut CurrentTask) -> Self {
        let xstate = current.xstate_image();
        let task: &Task = current.task();
        let sets = task.signal_sets();
        Self {
            tid: task.pid().own(),
            pending: sets.pending.0,
            blocked: sets.blocked.0,
            usage: task.usage(),
            regs: *current.regs(),
            fp: crate::ptrace::legacy_part(&xstate),
            xstate,
        }
    }
}

/// Ids that stand in several notes: process, parent, process group, session.
struct Ids([i32; 4]);

impl Ids {
    fn of(task: &CurrentTask) -> Self {
        let group = task.group();
        let ns = group.pid().namespace();
        let parent = group.parent().map_or(0, |parent| parent.pid().within(ns));
        let job = group.process_group();
        let session = job.as_ref().map_or(0, |job| job.session().id().within(ns));
        Self([group.pid().own(), parent, job.map_or(0, |job| job.id().within(ns)), session])
    }
}

/// Appends to the notes.
struct Writer(Vec<u8>);

impl Writer {
    fn note(&mut self, name: &str, kind: u32, content: &[u8]) {
        for word in [name.len() as u32 + 1, content.len() as u32, kind] {
            self.0.extend(word.to_ne_bytes());
        }
        for bytes in [name.as_bytes(), &[0]] {
            self.0.extend(bytes);
        }
        self.pad();
        self.0.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

/// All notes; the first thread is the one that took the signal.
pub(super) fn notes(task: &CurrentTask, signal: &SigInfo, threads: &[ThreadImage], mappings: &[Mapping]) -> Vec<u8> {
    let ids = Ids::of(task);
    let children = task.group().child_usage();
    let mut out = Writer(Vec::new());
    for (at, thread) in threads.iter().enumerate() {
        out.note("CORE", NT_PRSTATUS, &status(thread, signal, &ids, &children));
        if at == 0 {
            out.note("CORE", NT_PRPSINFO, &process(task, &ids));
            out.note("CORE", NT_SIGINFO, signal.as_bytes());
            out.note("CORE", NT_AUXV, task.mm().layout().auxv.as_slice().as_bytes());
            if let Some(files) = files(task.mm(), mappings) {
                out.note("CORE", NT_FILE, &files);
            }
        }
        out.note("CORE", NT_FPREGSET, &thread.fp);
        out.note("LINUX", NT_X86_XSTATE, &thread.xstate);
    }
    out.0
}

/// `struct timeval`.
fn time(out: &mut Vec<u8>, time: Duration) {
    out.extend(time.as_secs().to_ne_bytes());
    out.extend(u64::from(time.subsec_micros()).to_ne_bytes());
}

/// `struct elf_prstatus`.
fn status(thread: &ThreadImage, signal: &SigInfo, ids: &Ids, children: &Usage) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [signal.signo, signal.code, signal.errno, signal.signo] {
        out.extend(word.to_ne_bytes());
    }
    out.extend(thread.pending.to_ne_bytes());
    out.extend(thread.blocked.to_ne_bytes());
    let Ids([_, parent, job, session]) = *ids;
    for id in [thread.tid, parent, job, session] {
        out.extend(id.to_ne_bytes());
    }
    for span in [thread.usage.user, thread.usage.system, children.user, children.system] {
        time(&mut out, span);
    }
    out.extend(thread.regs.as_bytes());
    // Floating-point registers follow; then padding.
    out.extend([1u32, 0].as_bytes());
    out
}

/// `struct elf_prpsinfo`.
fn process(task: &CurrentTask, ids: &Ids) -> Vec<u8> {
    let attributes = task.task().attributes();
    let creds = task.creds();
    let mut out = vec![0, b'R', 0, attributes.sched.nice.to_ne_bytes()[0], 0, 0, 0, 0];
    out.extend(0u64.to_ne_bytes());
    for id in [creds.user_ns.guest_uid(creds.uid), creds.user_ns.guest_gid(creds.gid)] {
        out.extend(id.to_ne_bytes());
    }
    for id in ids.0 {
        out.extend(id.to_ne_bytes());
    }
    out.extend(attributes.comm);
    let layout = task.mm().layout();
    let mut args = [0; ARGS_LEN];
    let len = (layout.arg_end.saturating_sub(layout.arg_start) as usize).min(ARGS_LEN - 1);
    // Arguments that cannot be read are left out.
    let got = task.mm().read_some(UserAddr(layout.arg_start), &mut args[..len]).unwrap_or(0);
    for byte in args.iter_mut().take(got).filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    out.extend(args);
    out
}

/// Which files are mapped where. `None`: there are none, or too many.
fn files(mm: &Mm, mappings: &[Mapping]) -> Option<Vec<u8>> {
    let (mut ranges, mut names, mut count) = (Vec::new(), Vec::new(), 0u64);
    for mapping in mappings {
        let MappingSource::File(_, offset) = &mapping.source else { continue };
        for word in [mapping.start, mapping.end, offset / abi::mm::PAGE_SIZE] {
            ranges.extend(word.to_ne_bytes());
        }
        names.extend(mm.mapping_name(mapping));
        names.push(0);
        count += 1;
        if names.len() > FILE_MAX {
            return None;
        }
    }
    if count == 0 {
        return None;
    }
    Some([&count.to_ne_bytes(), &abi::mm::PAGE_SIZE.to_ne_bytes(), &*ranges, &names].concat())
}
