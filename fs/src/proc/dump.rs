//! `coredump_filter`: what of a process's memory goes into a core dump, core(5).

use super::process::Process;
use abi::Errno;
use vfs::Caller;

/// Bits that mean something.
const BITS: u32 = 0x1ff;

/// The filter; nothing for a process without memory.
pub(super) fn filter(process: &Process, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    Ok(process.task.mm().map_or_else(Vec::new, |mm| format!("{:08x}\n", mm.dump_filter()).into_bytes()))
}

/// Sets it; a number as C writes it.
pub(super) fn set_filter(process: &Process, _caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?.trim_end();
    let filter = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8),
        None => text.parse(),
    };
    let filter = filter.map_err(|_| Errno::EINVAL)?;
    process.mm()?.set_dump_filter(filter & BITS);
    Ok(())
}
