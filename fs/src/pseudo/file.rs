//! Open files and directories of a pseudo filesystem.

use super::node::Node;
use abi::Errno;
use abi::fs::FileType;
use mm::{Sink, Source};
use std::sync::Arc;
use sync::{Fail, Mutex, Rank};
use vfs::{DirSink, File, Io};

/// Longest write that a knob takes (Linux: one page less a zero byte).
const WRITE_MAX: usize = 4095;

/// The content of an open file. It is made at the first read and again at each read from the start, as Linux's
/// `seq_file` does, so that parts read one after another belong together.
pub(crate) struct Content(Mutex<Option<Arc<[u8]>>>);

impl Content {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, None))
    }

    fn at(&self, offset: u64, make: impl FnOnce() -> Result<Vec<u8>, Errno>) -> Result<Arc<[u8]>, Errno> {
        if offset != 0
            && let Some(content) = self.0.lock().clone()
        {
            return Ok(content);
        }
        // Made without the lock: whatever it is about has locks of its own.
        let content: Arc<[u8]> = make()?.into();
        *self.0.lock() = Some(content.clone());
        Ok(content)
    }

    /// Reads from `offset` on, and moves it.
    pub(crate) fn read(
        &self,
        dst: &mut dyn Sink,
        offset: &mut u64,
        make: impl FnOnce() -> Result<Vec<u8>, Errno>,
    ) -> Result<usize, Fail> {
        if dst.room() == 0 {
            return Ok(0);
        }
        let content = self.at(*offset, make)?;
        let start = usize::try_from(*offset).unwrap_or(usize::MAX).min(content.len());
        let end = start.saturating_add(dst.room()).min(content.len());
        let n = dst.put(&content[start..end])?;
        *offset += n as u64;
        Ok(n)
    }
}

/// An open text file.
pub(super) struct TextFile {
    node: Arc<Node>,
    content: Content,
}

impl TextFile {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node, content: Content::new() }
    }
}

impl File for TextFile {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, offset: &mut u64) -> Result<usize, Fail> {
        self.content.read(dst, offset, || self.node.object().text(io.caller))
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, offset: &mut u64) -> Result<usize, Fail> {
        let len = src.left();
        if len > WRITE_MAX {
            return Err(Errno::EINVAL.into());
        }
        let mut bytes = vec![0; len];
        let taken = src.take(&mut bytes)?;
        self.node.object().store(io.caller, &bytes[..taken])?;
        *offset += taken as u64;
        Ok(taken)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        seek(whence, offset, current)
    }
}

/// `lseek(2)` in a file whose end nobody knows: from the start and from the present place only.
pub(crate) fn seek(whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
    let base = match whence {
        0 => 0,
        1 => i64::try_from(current).map_err(|_| Errno::EOVERFLOW)?,
        _ => return Err(Errno::EINVAL),
    };
    base.checked_add(offset).and_then(|at| u64::try_from(at).ok()).ok_or(Errno::EINVAL)
}

/// An open directory.
pub(super) struct DirFile {
    node: Arc<Node>,
}

impl DirFile {
    pub(super) const fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

/// Offsets of `.` and `..` come before those of the entries.
const DOTS: u64 = 2;

impl File for DirFile {
    fn read_dir(&self, io: &Io<'_>, dst: &mut dyn DirSink, offset: &mut u64) -> Result<(), Fail> {
        // The parent's number is not known here; nobody relies on it across filesystems made of code.
        for (at, name) in [(0, &b"."[..]), (1, b"..")] {
            if *offset == at {
                if !dst.entry(name, self.node.ino(), FileType::Directory, at + 1) {
                    return Ok(());
                }
                *offset = at + 1;
            }
        }
        loop {
            let names = self.node.object().list(io.caller, *offset - DOTS)?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                let next = name.key.saturating_add(DOTS);
                let ino = name.ino.unwrap_or_else(|| self.node.child_ino(&name.name));
                if !dst.entry(&name.name, ino, name.kind, next) {
                    return Ok(());
                }
                *offset = next;
            }
        }
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, whence: u32, offset: i64, current: u64) -> Result<u64, Errno> {
        seek(whence, offset, current)
    }
}
