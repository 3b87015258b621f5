//! /proc/PID/fd and fdinfo: the open files of a process.

use super::process::{Process, readable};
use crate::pseudo::{Child, Name, Object, Subject};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::sync::Arc;
use vfs::{Attr, CachePolicy, Caller, LinkTarget, OpenFile};

/// What a directory shows of each descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A link to the file.
    Links,
    /// A text about it.
    Info,
}

/// The directory of a process's descriptors.
pub(super) struct FdDir {
    process: Process,
    what: What,
}

impl FdDir {
    pub(super) const fn new(process: Process, what: What) -> Self {
        Self { process, what }
    }
}

/// Most entries of one step of a listing.
const STEP: usize = 1024;

impl Object for FdDir {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        match self.what {
            What::Links => 0o500,
            What::Info => 0o555,
        }
    }

    fn owner(&self) -> (u32, u32) {
        self.process.owner(false)
    }

    /// The number of open files, as Linux shows it since 6.2.
    fn size(&self) -> u64 {
        match self.what {
            What::Links => self.process.task.fds().map_or(0, |fds| fds.entries().len() as u64),
            What::Info => 0,
        }
    }

    fn cache_policy(&self) -> CachePolicy {
        CachePolicy::Never
    }

    /// A process may look at its own descriptors whatever its ids are.
    fn permission(&self, caller: &Caller, attr: &Attr, want: u32) -> Result<(), Errno> {
        let is_own = caller.process.pid() == self.process.task.group().pid().root();
        match caller.creds.may_access(attr, want) {
            Err(_) if is_own => Ok(()),
            other => other,
        }
    }

    fn lookup(&self, caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        let digits = std::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let fd: i32 = digits.parse().map_err(|_| Errno::ENOENT)?;
        if fd.to_string() != digits {
            return Err(Errno::ENOENT);
        }
        let fds = self.process.task.fds().ok_or(Errno::ENOENT)?;
        let file = fds.get_any(fd).map_err(|_| Errno::ENOENT)?;
        let _ = caller;
        Ok(Child::Object(match self.what {
            What::Links => Box::new(FdLink { process: self.process.clone(), fd, mode: link_mode(&file) }),
            What::Info => Box::new(FdInfo { process: self.process.clone(), fd }),
        }))
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        let Some(fds) = self.process.task.fds() else { return Ok(Vec::new()) };
        let kind = match self.what {
            What::Links => FileType::Symlink,
            What::Info => FileType::Regular,
        };
        let mut names = Vec::new();
        let mut from = i32::try_from(after).unwrap_or(i32::MAX);
        while let Some(fd) = fds.next_open(from).filter(|_| names.len() < STEP) {
            names.push(Name { name: fd.to_string().into_bytes(), kind, ino: None, key: fd as u64 + 1 });
            from = fd.saturating_add(1);
        }
        Ok(names)
    }
}

/// Read and write bits as the file is open.
fn link_mode(file: &OpenFile) -> u32 {
    let mut mode = 0;
    if file.is_readable() {
        mode |= 0o500;
    }
    if file.is_writable() {
        mode |= 0o300;
    }
    mode
}

/// A descriptor as a link to its file.
struct FdLink {
    process: Process,
    fd: i32,
    mode: u32,
}

fn file(process: &Process, fd: i32) -> Result<Arc<OpenFile>, Errno> {
    process.task.fds().ok_or(Errno::ENOENT)?.get_any(fd).map_err(|_| Errno::ENOENT)
}

impl Object for FdLink {
    fn kind(&self) -> FileType {
        FileType::Symlink
    }

    fn mode(&self) -> u32 {
        self.mode
    }

    fn owner(&self) -> (u32, u32) {
        self.process.owner(false)
    }

    fn size(&self) -> u64 {
        64
    }

    fn target(&self, caller: &Caller) -> Result<LinkTarget, Errno> {
        readable(&self.process, caller)?;
        Ok(LinkTarget::File(file(&self.process, self.fd)?))
    }
}

/// A descriptor as a text: `proc_pid_fdinfo(5)`.
struct FdInfo {
    process: Process,
    fd: i32,
}

impl Object for FdInfo {
    fn kind(&self) -> FileType {
        FileType::Regular
    }

    fn mode(&self) -> u32 {
        0o444
    }

    fn owner(&self) -> (u32, u32) {
        self.process.owner(false)
    }

    fn text(&self, caller: &Caller) -> Result<Vec<u8>, Errno> {
        readable(&self.process, caller)?;
        let file = file(&self.process, self.fd)?;
        let is_cloexec = self.process.task.fds().is_some_and(|fds| fds.cloexec(self.fd).unwrap_or(false));
        let flags = file.flags() | if is_cloexec { OpenFlags::CLOEXEC } else { OpenFlags::empty() };
        let place = file.place();
        let ino = place.inode().and_then(|inode| inode.attr()).map_or(0, |attr| attr.ino);
        let (pos, flags, mount) = (file.offset(), flags.bits(), place.mount.id());
        Ok(format!("pos:\t{pos}\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{ino}\n{}", file.ops.fdinfo())
            .into_bytes())
    }
}
