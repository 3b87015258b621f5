//! Names of a directory of an image, read once.

use abi::Errno;
use abi::fs::FileType;
use host::file::{self, Entry};
use std::os::fd::BorrowedFd;

/// Names of a directory with inode numbers and kinds, in the host's order. `.` and `..` are among them.
#[derive(Default)]
pub(super) struct Listing {
    names: Vec<u8>,
    entries: Vec<Fixed>,
}

/// What an entry has besides its name.
struct Fixed {
    ino: u64,
    /// End of the name in `names`.
    end: u32,
    kind: FileType,
}

/// Longer lists are not kept.
const MOST_BYTES: usize = 256 << 10;

impl Listing {
    /// All names of the directory `fd`, which is at its start; `None` when they are too many. `kind` is asked for
    /// those whose kind the host does not tell.
    pub(super) fn read(fd: BorrowedFd<'_>, kind: impl Fn(&[u8]) -> FileType) -> Result<Option<Self>, Errno> {
        let mut new = Self::default();
        let mut is_full = false;
        file::read_dir(fd, &mut |entry| {
            new.push(&entry, &kind);
            is_full = new.bytes() > MOST_BYTES;
            !is_full
        })?;
        new.names.shrink_to_fit();
        new.entries.shrink_to_fit();
        Ok((!is_full).then_some(new))
    }

    fn push(&mut self, entry: &Entry<'_>, kind: &impl Fn(&[u8]) -> FileType) {
        self.names.extend_from_slice(entry.name);
        let kind = entry.kind.unwrap_or_else(|| kind(entry.name));
        self.entries.push(Fixed { ino: entry.ino, end: self.names.len() as u32, kind });
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.names.capacity() + self.entries.capacity() * size_of::<Fixed>()
    }

    /// Calls `each` with name, inode number, kind and next position of the entries from a position on, until it says
    /// false.
    pub(super) fn each(&self, from: u64, mut each: impl FnMut(&[u8], u64, FileType, u64) -> bool) {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let before = from.checked_sub(1).and_then(|before| self.entries.get(before));
        let mut start = before.map_or(0, |entry| entry.end as usize);
        for (index, entry) in self.entries.iter().enumerate().skip(from) {
            let name = self.names.get(start..entry.end as usize).unwrap_or_default();
            start = entry.end as usize;
            if !each(name, entry.ino, entry.kind, index as u64 + 1) {
                return;
            }
        }
    }
}
