//! `memfd_create(2)`.

use abi::Errno;
use kernel::CurrentTask;
use mm::UserStr;
use sync::Fail;
use vfs::MemoryFile;

const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
const MFD_HUGETLB: u32 = 4;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;
const HUGE_BITS: u32 = 0x3f << 26;
/// Longest name: `NAME_MAX` without `memfd:`.
const NAME_MAX: usize = 249;

/// `memfd_create(2)`.
pub(crate) fn memfd_create(task: &mut CurrentTask, name: UserStr, flags: u32) -> Result<i32, Fail> {
    let known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;
    let huge = if flags & MFD_HUGETLB != 0 { HUGE_BITS } else { 0 };
    if flags & !(known | huge) != 0 || flags & (MFD_NOEXEC_SEAL | MFD_EXEC) == MFD_NOEXEC_SEAL | MFD_EXEC {
        return Err(Errno::EINVAL.into());
    }
    let name = name.read(&**task.mm(), NAME_MAX + 1)?.ok_or(Errno::EINVAL)?;
    let is_noexec = flags & MFD_NOEXEC_SEAL != 0;
    let how = MemoryFile {
        is_sealable: flags & MFD_ALLOW_SEALING != 0 || is_noexec,
        is_noexec,
        huge: (flags & MFD_HUGETLB != 0).then_some(flags & HUGE_BITS),
    };
    let reserved = task.fds().reserve(task.caller(), 0, flags & MFD_CLOEXEC != 0)?;
    let file = task.fs().vfs().memory_file(task.caller(), &name, &how)?;
    Ok(reserved.install(file))
}
