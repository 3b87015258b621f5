//! Directories as tables: one row and one function a file.

use super::object::{Child, Name, Object};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use sync::Fail;
use vfs::{Attr, CachePolicy, Caller, File, LinkTarget};

/// What the files of a table are about: a process, the machine.
pub trait Subject: Clone + Send + Sync + 'static {
    /// Owner and group of its files. `is_plain_dir`: of a directory that all may read.
    fn owner(&self, is_plain_dir: bool) -> (u32, u32) {
        let _ = is_plain_dir;
        (0, 0)
    }

    /// Names of it come and go, or its files change owners: nothing is kept.
    fn is_volatile(&self) -> bool {
        false
    }

    /// It still exists; else the error that searching, opening and reading end with.
    fn check_exists(&self) -> Result<(), Errno> {
        Ok(())
    }
}

/// How the content of a text file is made.
pub type TextFn<T> = fn(&T, &Caller) -> Result<Vec<u8>, Errno>;
/// How a write to a text file is stored.
pub type StoreFn<T> = fn(&T, &Caller, &[u8]) -> Result<(), Errno>;
/// How a file with operations of its own is opened.
pub type OpenFn<T> = fn(&T, &Caller, OpenFlags) -> Result<Box<dyn File>, Fail>;
/// May the caller use the file at all?
pub type CheckFn<T> = fn(&T, &Caller) -> Result<(), Errno>;

/// What a row is.
pub enum What<T: 'static> {
    /// A text file: content, and what a write does.
    Text(TextFn<T>, Option<StoreFn<T>>),
    /// A link.
    Link(fn(&T, &Caller) -> Result<LinkTarget, Errno>),
    /// A directory that is a table.
    Dir(&'static [Row<T>]),
    /// An object of its own making: a dynamic directory, most of the time.
    Special(FileType, fn(&T) -> Box<dyn Object>),
    /// A file with operations of its own.
    File(OpenFn<T>),
}

/// One entry of a table.
pub struct Row<T: 'static> {
    /// Name.
    pub name: &'static str,
    /// Permission bits.
    pub mode: u32,
    /// What it is.
    pub what: What<T>,
    /// Access beyond the permission bits, at open.
    pub check: Option<CheckFn<T>>,
    /// Belongs to root whoever the subject's owner is.
    pub is_roots: bool,
}

impl<T> Row<T> {
    /// The same with a check of its own.
    pub const fn with_check(mut self, check: CheckFn<T>) -> Self {
        self.check = Some(check);
        self
    }

    /// The same, always root's.
    pub const fn of_root(mut self) -> Self {
        self.is_roots = true;
        self
    }

    const fn kind(&self) -> FileType {
        match self.what {
            What::Text(..) | What::File(_) => FileType::Regular,
            What::Link(_) => FileType::Symlink,
            What::Dir(_) => FileType::Directory,
            What::Special(kind, _) => kind,
        }
    }
}

const fn row<T>(name: &'static str, mode: u32, what: What<T>) -> Row<T> {
    Row { name, mode, what, check: None, is_roots: false }
}

/// A text file for reading.
pub const fn text<T>(name: &'static str, mode: u32, read: TextFn<T>) -> Row<T> {
    row(name, mode, What::Text(read, None))
}

/// A text file that can be written.
pub const fn knob<T>(name: &'static str, mode: u32, read: TextFn<T>, store: StoreFn<T>) -> Row<T> {
    row(name, mode, What::Text(read, Some(store)))
}

/// A symbolic link.
pub const fn link<T>(name: &'static str, target: fn(&T, &Caller) -> Result<LinkTarget, Errno>) -> Row<T> {
    row(name, 0o777, What::Link(target))
}

/// A directory that is a table.
pub const fn dir<T>(name: &'static str, rows: &'static [Row<T>]) -> Row<T> {
    row(name, 0o555, What::Dir(rows))
}

/// An object of its own making, of the given kind.
pub const fn special<T>(name: &'static str, kind: FileType, make: fn(&T) -> Box<dyn Object>) -> Row<T> {
    row(name, 0, What::Special(kind, make))
}

/// A file with operations of its own.
pub const fn file<T>(name: &'static str, mode: u32, open: OpenFn<T>) -> Row<T> {
    row(name, mode, What::File(open))
}

/// A directory as a table over a subject.
pub struct TableDir<T: 'static> {
    subject: T,
    rows: &'static [Row<T>],
    mode: u32,
}

impl<T: Subject> TableDir<T> {
    /// The directory of `rows` about `subject`.
    pub const fn new(subject: T, rows: &'static [Row<T>]) -> Self {
        Self { subject, rows, mode: 0o555 }
    }

    /// What the directory is about, when it is the one of `rows` and none below it.
    pub fn subject(&self, rows: &'static [Row<T>]) -> Option<&T> {
        std::ptr::eq(self.rows, rows).then_some(&self.subject)
    }

    /// Finds a row's object by name.
    pub fn find(&self, name: &[u8]) -> Option<Box<dyn Object>> {
        let row = self.rows.iter().find(|row| row.name.as_bytes() == name)?;
        Some(match row.what {
            What::Dir(rows) => Box::new(Self { subject: self.subject.clone(), rows, mode: row.mode }),
            What::Special(_, make) => make(&self.subject),
            _ => Box::new(Leaf { subject: self.subject.clone(), row }),
        })
    }

    /// Names of the rows, keys from 1 on.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        self.rows.iter().zip(1..).map(|(row, key)| Name {
            name: row.name.as_bytes().to_vec(),
            kind: row.kind(),
            ino: None,
            key,
        })
    }

    /// Number of sub-directories, for the link count.
    pub fn dir_count(&self) -> u32 {
        self.rows.iter().filter(|row| row.kind() == FileType::Directory).count() as u32
    }
}

impl<T: Subject> Object for TableDir<T> {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        self.mode
    }

    fn owner(&self) -> (u32, u32) {
        self.subject.owner(self.mode == 0o555)
    }

    fn links(&self) -> u32 {
        2 + self.dir_count()
    }

    fn cache_policy(&self) -> CachePolicy {
        if self.subject.is_volatile() { CachePolicy::Never } else { CachePolicy::Keep }
    }

    fn permission(&self, caller: &Caller, attr: &Attr, want: u32) -> Result<(), Errno> {
        self.subject.check_exists()?;
        caller.creds.may_access(attr, want)
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        // Names of what is gone are gone.
        self.subject.check_exists().map_err(|_| Errno::ENOENT)?;
        self.find(name).map(Child::Object).ok_or(Errno::ENOENT)
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        self.subject.check_exists().map_err(|_| Errno::ENOENT)?;
        Ok(self.names().filter(|name| name.key > after).collect())
    }
}

/// A file or link of a table.
struct Leaf<T: 'static> {
    subject: T,
    row: &'static Row<T>,
}

impl<T: Subject> Object for Leaf<T> {
    fn kind(&self) -> FileType {
        self.row.kind()
    }

    fn mode(&self) -> u32 {
        self.row.mode
    }

    fn owner(&self) -> (u32, u32) {
        if self.row.is_roots { (0, 0) } else { self.subject.owner(false) }
    }

    fn target(&self, caller: &Caller) -> Result<LinkTarget, Errno> {
        match self.row.what {
            What::Link(target) => target(&self.subject, caller),
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(&self, caller: &Caller, flags: OpenFlags) -> Result<Option<Box<dyn File>>, Fail> {
        self.subject.check_exists()?;
        if let Some(check) = self.row.check {
            check(&self.subject, caller)?;
        }
        match self.row.what {
            What::File(open) => open(&self.subject, caller, flags).map(Some),
            _ => Ok(None),
        }
    }

    fn text(&self, caller: &Caller) -> Result<Vec<u8>, Errno> {
        self.subject.check_exists()?;
        match self.row.what {
            What::Text(read, _) => read(&self.subject, caller),
            _ => Err(Errno::EINVAL),
        }
    }

    fn store(&self, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
        self.subject.check_exists()?;
        match self.row.what {
            What::Text(_, Some(store)) => store(&self.subject, caller, bytes),
            _ => Err(Errno::EIO),
        }
    }
}
