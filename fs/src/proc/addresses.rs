//! Files about a process's memory: cmdline, environ, auxv and maps.

use super::process::Process;
use abi::Errno;
use abi::mm::Prot;
use mm::{Mapping, MappingSource, Mm, UserAddr, UserMemory};
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

/// Appends the head of an entry and a name in the column of names.
pub(super) fn head(out: &mut Vec<u8>, text: &str, name: &[u8]) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    out.resize((start + NAME_COLUMN).max(out.len()), b' ');
    out.extend_from_slice(name);
    out.push(b'\n');
}

/// Appends the line of a mapping: `proc_pid_maps(5)`.
pub(super) fn line(out: &mut Vec<u8>, mm: &Mm, mapping: &Mapping) {
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

/// What `numa_maps(5)` calls a mapping, a space before it.
pub(super) fn map_name(mm: &Mm, mapping: &Mapping) -> String {
    let name = mm.mapping_name(mapping);
    match &*name {
        [b'/', ..] => format!(" file={}", String::from_utf8_lossy(&name)),
        b"[heap]" => " heap".to_owned(),
        b"[stack]" => " stack".to_owned(),
        _ => String::new(),
    }
}

/// `VmFlags`: letters of the kernel document filesystems/proc.
pub(super) fn flags(mapping: &Mapping) -> String {
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
        (mapping.dont_dump, "dd "),
        (mapping.wipe_on_fork, "wf "),
        (mapping.is_sealed, "sl "),
        (!mapping.is_shared && mapping.prot.contains(Prot::WRITE), "ac "),
    ];
    rows.iter().filter(|(is_set, _)| *is_set).map(|(_, letters)| *letters).collect()
}
