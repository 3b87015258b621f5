//! Files of the host: every access is one component beneath a directory descriptor, and no symbolic link
//! of the host is ever followed.
//!
//! Results are the guest's error numbers: both sides are Linux. `EMFILE` becomes `ENFILE`, since it is the
//! sandbox that has no descriptor left.

mod at;
mod data;
mod dir;
mod memory;
mod names;
mod open;
mod stat;
mod stream;
mod xattr;

pub use at::At;
pub use data::{
    Falloc, Seek, WriteFlags, allocate, append, copy_range, position, pread, pwrite, resize, seek, sync,
    sync_filesystem,
};
pub use dir::{Entry, read_dir, rewind};
pub use memory::{add_seals, memory_file};
pub use names::{link, make_dir, make_node, make_symlink, read_link, remove, rename};
pub use open::{Access, create, open_beneath, open_dir, open_file, open_path, open_unnamed, reopen};
pub use stat::{FsStat, Stat, Time, chmod, chown, set_times, stat, stat_fs};
pub use stream::{Kind, Stream};
pub use xattr::{list_xattrs, remove_xattr, set_xattr, xattr};

use abi::Errno;

/// Number of the error, as the guest sees it.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    match error {
        rustix::io::Errno::MFILE => Errno::ENFILE,
        other => Errno(other.raw_os_error() as u16),
    }
}

/// Makes a call again while a host signal interrupts it.
pub(crate) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map_err(errno),
        }
    }
}

/// Most descriptors that this process may have: the soft limit, raised to the hard one on first use.
pub fn descriptor_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    static LIMIT: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *LIMIT.get_or_init(|| {
        let limit = getrlimit(Resource::Nofile);
        let (soft, hard) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if soft < hard && setrlimit(Resource::Nofile, raised).is_ok() { hard } else { soft }
    })
}

static MEMORY: std::sync::OnceLock<u64> = std::sync::OnceLock::new();

/// The sandbox may have at most so many bytes of memory. Before [`total_memory`] is asked for the first time.
pub fn limit_memory(bytes: u64) {
    // Who comes second has nothing to say.
    let _ = MEMORY.set(bytes.min(memory_of_host()));
}

/// Bytes of memory that the sandbox may have: the host's, or fewer.
pub fn total_memory() -> u64 {
    *MEMORY.get_or_init(memory_of_host)
}

fn memory_of_host() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}
