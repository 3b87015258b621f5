//! Files about a process's memory: cmdline, environ, auxv, maps and smaps.

use super::process::Process;
use abi::Errno;
use abi::mm::Prot;
use mm::{Mapping, MappingSource, Mm, UserAddr, UserMemory};
use std::sync::Arc;
use vfs::{Caller, split_dev};

type Text = Result<Vec<u8>, Errno>;

/// Bytes of arguments or environment that one file shows at most.
const STRINGS_MAX: u64 = 8 << 20;
/// Column that names start in.
const NAME_COLUMN: usize = 73;

/// Guest bytes from `start` to `end`, as far as they can be read.
fn read(mm: &Mm, start: u64, end: u64) -> Vec<u8> {
    let len = end.saturating_sub(start).min(STRINGS_MAX) as usize;
    let mut bytes = vec![0; len];
    let got = if len == 0 { 0 } else { mm.read_some(UserAddr(start), &mut bytes).unwrap_or(0) };
    bytes.truncate(got);
    bytes
}

/// The arguments. A program that has written over their end has set a title, which may run on into the
/// environment: then it is one string.
pub(super) fn cmdline(process: &Process, _caller: &Caller) -> Text {
    let Some(mm) = process.task.mm() else { return Ok(Vec::new()) };
    let layout = mm.layout();
    let mut text = read(&mm, layout.arg_start, layout.arg_end);
    if text.last().is_some_and(|&last| last != 0) {
        if layout.env_start == layout.arg_end {
            text.extend(read(&mm, layout.env_start, layout.env_end));
        }
        if let Some(end) = text.iter().position(|&byte| byte == 0) {
            text.truncate(end + 1);
        }
    }
    Ok(text)
}

/// The environment that the program started with.
pub(super) fn environ(process: &Process, _caller: &Caller) -> Text {
    let Some(mm) = process.task.mm() else { return Ok(Vec::new()) };
    let layout = mm.layout();
    Ok(read(&mm, layout.env_start, layout.env_end))
}

/// The auxiliary vector.
pub(super) fn auxv(process: &Process, _caller: &Caller) -> Text {
    let Some(mm) = process.task.mm() else { return Ok(Vec::new()) };
    Ok(mm.layout().auxv.iter().flat_map(|word| word.to_le_bytes()).collect())
}

/// Device, inode and offset of a mapping; zeros without a file.
fn file_of(mapping: &Mapping) -> (u64, u64, u64) {
    match &mapping.source {
        MappingSource::File(backing, offset) => (backing.device(), backing.inode(), *offset),
        _ => (0, 0, 0),
    }
}

/// Appends the line of a mapping: `proc_pid_maps(5)`.
fn line(out: &mut Vec<u8>, mm: &Mm, mapping: &Mapping) {
    let start = out.len();
    let flag = |prot, letter| if mapping.prot.contains(prot) { letter } else { '-' };
    let (device, inode, offset) = file_of(mapping);
    let (major, minor) = split_dev(device);
    put!(
        out,
        "{:08x}-{:08x} {}{}{}{} {offset:08x} {major:02x}:{minor:02x} {inode} ",
        mapping.start,
        mapping.end,
        flag(Prot::READ, 'r'),
        flag(Prot::WRITE, 'w'),
        flag(Prot::EXEC, 'x'),
        if mapping.is_shared { 's' } else { 'p' },
    );
    let name = mm.mapping_name(mapping);
    if !name.is_empty() {
        let width = (start + NAME_COLUMN).max(out.len());
        out.resize(width, b' ');
        for byte in name {
            if byte == b'\n' { out.extend_from_slice(b"\\012") } else { out.push(byte) }
        }
    }
    out.push(b'\n');
}

/// The mappings.
pub(super) fn maps(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    let Some(mm) = process.task.mm() else { return Ok(out) };
    for mapping in mm.mappings() {
        line(&mut out, &mm, &mapping);
    }
    Ok(out)
}

/// The mappings and their policy of memory: there is one node.
pub(super) fn numa_maps(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    let Some(mm) = process.task.mm() else { return Ok(out) };
    for mapping in mm.mappings() {
        put!(out, "{:08x} default", mapping.start);
        let name = mm.mapping_name(&mapping);
        if name.starts_with(b"/") {
            put!(out, " file={}", String::from_utf8_lossy(&name));
        } else if name == b"[heap]" {
            put!(out, " heap");
        } else if name == b"[stack]" {
            put!(out, " stack");
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Figures of `smaps`, in KiB. What lies in memory of a single mapping only the host knows: an estimate by the
/// share of the whole.
fn figures(out: &mut Vec<u8>, resident: u64, is_private: bool, is_dirty: bool) {
    let (private, shared) = if is_private { (resident, 0) } else { (0, resident) };
    let split = |kib: u64| if is_dirty { (0, kib) } else { (kib, 0) };
    let ((shared_clean, shared_dirty), (private_clean, private_dirty)) = (split(shared), split(private));
    let rows = [
        ("Rss", resident),
        ("Pss", resident),
        ("Pss_Dirty", shared_dirty + private_dirty),
        ("Shared_Clean", shared_clean),
        ("Shared_Dirty", shared_dirty),
        ("Private_Clean", private_clean),
        ("Private_Dirty", private_dirty),
        ("Referenced", resident),
        ("Anonymous", if is_private && is_dirty { resident } else { 0 }),
        ("KSM", 0),
        ("LazyFree", 0),
        ("AnonHugePages", 0),
        ("ShmemPmdMapped", 0),
        ("FilePmdMapped", 0),
        ("Shared_Hugetlb", 0),
        ("Private_Hugetlb", 0),
        ("Swap", 0),
        ("SwapPss", 0),
        ("Locked", 0),
    ];
    for (name, kib) in rows {
        put!(out, "{:<15} {kib:8} kB\n", format!("{name}:"));
    }
}

/// Resident KiB of a mapping, by its share of all.
fn estimate(mm: &Mm) -> impl Fn(&Mapping) -> u64 {
    let usage = mm.usage();
    move |mapping| {
        if mapping.prot.is_empty() || usage.size == 0 {
            return 0;
        }
        let share = u128::from(usage.resident) * u128::from(mapping.len()) / u128::from(usage.size);
        (share as u64 / 4096 * 4).min(mapping.len() / 1024)
    }
}

/// The mappings with their sizes: `proc_pid_smaps(5)`.
pub(super) fn smaps(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    let Some(mm) = process.task.mm() else { return Ok(out) };
    let resident = estimate(&mm);
    for mapping in mm.mappings() {
        line(&mut out, &mm, &mapping);
        put!(
            out,
            "Size:           {:8} kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
            mapping.len() / 1024
        );
        figures(&mut out, resident(&mapping), !mapping.is_shared, mapping.prot.contains(Prot::WRITE));
        put!(out, "THPeligible:           0\nVmFlags: {}\n", flags(&mapping));
    }
    Ok(out)
}

/// Sums over all mappings.
pub(super) fn smaps_rollup(process: &Process, _caller: &Caller) -> Text {
    let mm: Arc<Mm> = process.mm()?;
    let mut out = Vec::new();
    let mappings = mm.mappings();
    let (start, end) = (mappings.first().map_or(0, |first| first.start), mappings.last().map_or(0, |last| last.end));
    let head = out.len();
    put!(out, "{start:08x}-{end:08x} ---p 00000000 00:00 0 ");
    out.resize(head + NAME_COLUMN, b' ');
    put!(out, "[rollup]\n");
    figures(&mut out, mm.usage().resident / 1024, true, true);
    Ok(out)
}

/// `VmFlags`: letters of the kernel document filesystems/proc.
fn flags(mapping: &Mapping) -> String {
    let rows = [
        (mapping.prot.contains(Prot::READ), "rd "),
        (mapping.prot.contains(Prot::WRITE), "wr "),
        (mapping.prot.contains(Prot::EXEC), "ex "),
        (mapping.is_shared, "sh "),
        (true, "mr mw me "),
        (mapping.grows_down, "gd "),
        (mapping.is_locked, "lo "),
        (mapping.no_reserve, "nr "),
        (mapping.dont_fork, "dc "),
        (mapping.wipe_on_fork, "wf "),
        (!mapping.is_shared && mapping.prot.contains(Prot::WRITE), "ac "),
    ];
    rows.iter().filter(|(is_set, _)| *is_set).map(|(_, letters)| *letters).collect()
}
