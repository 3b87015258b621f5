//! The inode of an inherited file.

use super::file::RegularFile;
use super::inherited::Inherited;
use crate::device::new_device;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use host::Watched;
use host::file::{self, Access, At, Time};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, LazyLock};
use sync::Fail;
use vfs::{Attachments, Attr, AttrChange, Caller, File, Filesystem, Inode, SetTime, Statfs};

/// What inherited files belong to; mounted nowhere.
struct InheritedFs {
    device: u64,
}

static FILESYSTEM: LazyLock<InheritedFs> = LazyLock::new(|| InheritedFs { device: new_device() });

impl Filesystem for InheritedFs {
    fn type_name(&self) -> &'static str {
        "inherited"
    }

    fn device(&self) -> u64 {
        self.device
    }

    fn root(&self) -> Arc<dyn Inode> {
        unreachable!("it is mounted nowhere")
    }

    fn statfs(&self) -> Result<Statfs, Errno> {
        Ok(Statfs { bsize: abi::mm::PAGE_SIZE, namelen: 255, ..Statfs::default() })
    }
}

/// An inherited file: attributes are the host's.
pub(super) struct InheritedNode {
    pub(super) watched: Arc<Watched>,
    pub(super) name: String,
    kind: FileType,
    attachments: Attachments,
}

impl InheritedNode {
    pub(super) fn new(fd: OwnedFd) -> Result<Arc<Self>, Errno> {
        let stat = file::stat(At::fd(&fd))?;
        let kind = FileType::from_mode(stat.mode).ok_or(Errno::EINVAL)?;
        let name = match (kind, vfs::split_dev(stat.rdev)) {
            (FileType::Socket, _) => format!("socket:[{}]", stat.ino),
            (FileType::Fifo, _) => format!("pipe:[{}]", stat.ino),
            (FileType::CharDevice, (1, 3)) => "/dev/null".to_owned(),
            _ => format!("host:[{}]", stat.ino),
        };
        Ok(Arc::new(Self { watched: Watched::new(fd)?, name, kind, attachments: Attachments::default() }))
    }

    /// One more open file over it.
    pub(super) fn file(&self) -> Inherited {
        Inherited::over(self.watched.clone(), self.name.clone())
    }

    fn at(&self) -> At<'_> {
        At::fd(&*self.watched)
    }
}

impl Inode for InheritedNode {
    fn filesystem(&self) -> &dyn Filesystem {
        &*FILESYSTEM
    }

    fn kind(&self) -> FileType {
        self.kind
    }

    fn attr(&self) -> Result<Attr, Errno> {
        let stat = file::stat(self.at())?;
        Ok(super::filesystem::attr(&stat, FILESYSTEM.device, self.kind))
    }

    fn set_attr(&self, _caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        if let Some(size) = change.size {
            file::resize(self.watched.as_fd(), size)?;
        }
        let time = |time| match time {
            None => Time::Omit,
            Some(SetTime::Now) => Time::Now,
            Some(SetTime::At(time)) => Time::At(time),
        };
        if change.atime.is_some() || change.mtime.is_some() {
            file::set_times(self.at(), time(change.atime), time(change.mtime))?;
        }
        // Owner and mode of a file outside are nobody's here.
        if change.mode.is_some() || change.uid.is_some() || change.gid.is_some() { Err(Errno::EPERM) } else { Ok(()) }
    }

    fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// Whoever has it in /proc/self/fd was given it.
    fn permission(&self, _caller: &Caller, _want: u32) -> Result<(), Errno> {
        Ok(())
    }

    fn opens_itself(&self) -> bool {
        true
    }

    /// Opens it anew, through `/dev/stdin` and its kin.
    fn open(self: Arc<Self>, _caller: &Caller, flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
        let (has, wants) = (self.watched.stream().flags() & 3, flags.bits() & 3);
        if has != 2 && has != wants {
            return Err(Errno::EACCES.into());
        }
        match self.kind {
            FileType::Regular => {
                let access = match wants {
                    0 => Access::Read,
                    1 => Access::Write,
                    _ => Access::ReadWrite,
                };
                let fd = file::reopen(self.watched.as_fd(), access)?;
                Ok(Box::new(RegularFile::new(Arc::new(fd))))
            }
            FileType::Fifo | FileType::CharDevice | FileType::BlockDevice => Ok(Box::new(self.file())),
            _ => Err(Errno::ENXIO.into()),
        }
    }
}
