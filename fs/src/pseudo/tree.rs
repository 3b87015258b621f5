//! Trees that are put together once: /sys and the like.

use super::object::{Child, Name, Object};
use abi::Errno;
use abi::fs::FileType;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use vfs::{Caller, LinkTarget};

/// A directory whose entries never change.
#[derive(Default)]
pub struct StaticDir {
    entries: BTreeMap<Vec<u8>, Entry>,
}

/// An entry of a [`StaticDir`].
#[derive(Clone)]
enum Entry {
    Dir(Arc<StaticDir>),
    File(Fixed),
    Link(Link),
}

impl StaticDir {
    /// An empty one.
    pub const fn new() -> Self {
        Self { entries: BTreeMap::new() }
    }

    /// Adds a file of mode 0444; `content` as it is read. A path with slashes makes the directories on its way.
    #[must_use]
    pub fn file(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.add(path, Entry::File(Fixed { content: Arc::from(content.into()), mode: 0o444 }))
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.add(path, Entry::Link(Link { target: target.as_bytes().to_vec() }))
    }

    /// Adds a directory.
    #[must_use]
    pub fn dir(self, path: &str, dir: Self) -> Self {
        self.add(path, Entry::Dir(Arc::new(dir)))
    }

    fn add(mut self, path: &str, entry: Entry) -> Self {
        match path.split_once('/') {
            None => {
                self.entries.insert(path.as_bytes().to_vec(), entry);
            }
            Some((first, rest)) => {
                let below = match self.entries.remove(first.as_bytes()) {
                    Some(Entry::Dir(dir)) => {
                        Arc::try_unwrap(dir).unwrap_or_else(|dir| Self { entries: dir.entries.clone() })
                    }
                    _ => Self::new(),
                };
                self.entries.insert(first.as_bytes().to_vec(), Entry::Dir(Arc::new(below.add(rest, entry))));
            }
        }
        self
    }
}

/// A static directory that is put together when it is first used.
pub struct LazyDir<F> {
    build: F,
    built: OnceLock<Arc<StaticDir>>,
}

impl<F: Fn() -> StaticDir> LazyDir<F> {
    /// The directory that `build` puts together.
    pub const fn new(build: F) -> Self {
        Self { build, built: OnceLock::new() }
    }

    fn get(&self) -> Shared {
        Shared(self.built.get_or_init(|| Arc::new((self.build)())).clone())
    }
}

impl<F: Fn() -> StaticDir + Send + Sync + 'static> Object for LazyDir<F> {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        0o555
    }

    fn links(&self) -> u32 {
        self.get().links()
    }

    fn lookup(&self, caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        self.get().lookup(caller, name)
    }

    fn list(&self, caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        self.get().list(caller, after)
    }
}

/// A static directory in use.
struct Shared(Arc<StaticDir>);

impl From<StaticDir> for Box<dyn Object> {
    fn from(dir: StaticDir) -> Self {
        Box::new(Shared(Arc::new(dir)))
    }
}

impl From<Arc<StaticDir>> for Box<dyn Object> {
    fn from(dir: Arc<StaticDir>) -> Self {
        Box::new(Shared(dir))
    }
}

impl Object for Shared {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        0o555
    }

    fn links(&self) -> u32 {
        2 + self.0.entries.values().filter(|entry| matches!(entry, Entry::Dir(_))).count() as u32
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        Ok(match self.0.entries.get(name).ok_or(Errno::ENOENT)? {
            Entry::Dir(dir) => Box::new(Self(dir.clone())).into(),
            Entry::File(file) => Box::new(file.clone()).into(),
            Entry::Link(link) => Box::new(link.clone()).into(),
        })
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        let names = self.0.entries.iter().zip(1..).filter(|&(_, key)| key > after).map(|((name, entry), key)| {
            let kind = match entry {
                Entry::Dir(_) => FileType::Directory,
                Entry::File(_) => FileType::Regular,
                Entry::Link(_) => FileType::Symlink,
            };
            Name { name: name.clone(), kind, ino: None, key }
        });
        Ok(names.collect())
    }
}

/// A file whose content never changes.
#[derive(Clone)]
pub struct Fixed {
    /// The content.
    pub content: Arc<[u8]>,
    /// Permission bits.
    pub mode: u32,
}

impl Object for Fixed {
    fn kind(&self) -> FileType {
        FileType::Regular
    }

    fn mode(&self) -> u32 {
        self.mode
    }

    fn size(&self) -> u64 {
        abi::mm::PAGE_SIZE
    }

    fn text(&self, _caller: &Caller) -> Result<Vec<u8>, Errno> {
        Ok(self.content.to_vec())
    }
}

/// A symbolic link that leads to a path.
#[derive(Clone, Debug)]
pub struct Link {
    /// The path.
    pub target: Vec<u8>,
}

impl Object for Link {
    fn kind(&self) -> FileType {
        FileType::Symlink
    }

    fn mode(&self) -> u32 {
        0o777
    }

    fn target(&self, _caller: &Caller) -> Result<LinkTarget, Errno> {
        Ok(LinkTarget::Path(self.target.clone()))
    }
}
