//! An object as the vfs sees it.

use super::file::{DirFile, TextFile};
use super::filesystem::PseudoFs;
use super::object::{Child, Object};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::sync::Arc;
use sync::Fail;
use vfs::{Attachments, Attr, AttrChange, CachePolicy, Caller, File, Filesystem, Inode, LinkTarget, NewNode};

/// The inode of an [`Object`].
pub struct Node {
    fs: Arc<PseudoFs>,
    ino: u64,
    object: Box<dyn Object>,
    attachments: Attachments,
}

impl Node {
    /// `ino` is its number unless the object has one of its own.
    pub(super) fn new(fs: Arc<PseudoFs>, ino: u64, object: Box<dyn Object>) -> Arc<Self> {
        let ino = object.ino().unwrap_or(ino);
        Arc::new(Self { fs, ino, object, attachments: Attachments::default() })
    }

    /// The object.
    pub fn object(&self) -> &dyn Object {
        &*self.object
    }

    pub(super) const fn ino(&self) -> u64 {
        self.ino
    }

    /// Inode number of an entry: the same whenever it is looked up (FNV-1a over the path).
    pub(super) fn child_ino(&self, name: &[u8]) -> u64 {
        let seed = 0xcbf2_9ce4_8422_2325 ^ self.ino.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = name.iter().fold(seed, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        ((hash ^ (hash >> 31)) & 0xffff_ffff) | 0x1_0000_0000
    }
}

impl Inode for Node {
    fn filesystem(&self) -> &dyn Filesystem {
        &*self.fs
    }

    fn kind(&self) -> FileType {
        self.object.kind()
    }

    fn attr(&self) -> Result<Attr, Errno> {
        let (uid, gid) = self.object.owner();
        let time = self.fs.started();
        Ok(Attr {
            dev: self.fs.device(),
            ino: self.ino,
            kind: self.object.kind(),
            mode: self.object.mode(),
            nlink: self.object.links(),
            uid,
            gid,
            rdev: self.object.rdev(),
            size: self.object.size(),
            blksize: 1024,
            blocks: 0,
            atime: time,
            mtime: time,
            ctime: time,
            btime: None,
        })
    }

    fn set_attr(&self, caller: &Caller, change: &AttrChange) -> Result<(), Errno> {
        self.object.set_attr(caller, change)
    }

    fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    fn permission(&self, caller: &Caller, want: u32) -> Result<(), Errno> {
        self.object.permission(caller, &self.attr()?, want)
    }

    fn cache_policy(&self) -> CachePolicy {
        self.object.cache_policy()
    }

    fn takes_names(&self) -> bool {
        self.fs.takes_names()
    }

    fn lookup(&self, caller: &Caller, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        Ok(match self.object.lookup(caller, name)? {
            Child::Object(object) => Self::new(self.fs.clone(), self.child_ino(name), object),
            Child::Inode(inode) => inode,
        })
    }

    fn create(&self, _caller: &Caller, _name: &[u8], node: &NewNode) -> Result<Arc<dyn Inode>, Errno> {
        // As a directory of Linux's that has no such operation.
        Err(if node.kind == FileType::Regular { Errno::EACCES } else { Errno::EPERM })
    }

    fn read_link(&self, caller: &Caller) -> Result<LinkTarget, Errno> {
        self.object.target(caller)
    }

    fn open(self: Arc<Self>, caller: &Caller, flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
        if let Some(file) = self.object.open(caller, flags)? {
            return Ok(file);
        }
        match self.object.kind() {
            FileType::Directory => Ok(Box::new(DirFile::new(self))),
            FileType::Regular => Ok(Box::new(TextFile::new(self))),
            _ => Err(Errno::ENXIO.into()),
        }
    }
}
