//! From paths to places: `path_resolution(7)`, `openat2(2)`. No recursion: what a link says is put in
//! front of the rest of the path.

use crate::caller::Caller;
use crate::context::{Directories, FsContext};
use crate::dentry::Dentry;
use crate::inode::{CachePolicy, LinkTarget};
use crate::mount::Mount;
use crate::place::Place;
use abi::Errno;
use abi::fs::FileType;
use abi::mount::MountFlags;
use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

/// Most links followed in one walk.
const MAX_LINKS: u32 = 40;
/// Longest name.
pub(crate) const NAME_MAX: usize = 255;

bitflags::bitflags! {
    /// `RESOLVE_*` of `openat2(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Resolve: u64 {
        /// Do not cross mounts.
        const NO_XDEV = 1;
        /// Do not follow magic links.
        const NO_MAGICLINKS = 2;
        /// Do not follow links.
        const NO_SYMLINKS = 4;
        /// Stay below the start.
        const BENEATH = 8;
        /// The start is the root.
        const IN_ROOT = 16;
        /// Only what is in the cache.
        const CACHED = 32;
    }
}

/// Where paths are resolved: by whom, from which root and which start.
#[derive(Clone)]
pub struct Walk<'a> {
    pub(crate) caller: &'a Caller,
    directories: Arc<Directories>,
    /// Where relative paths start, if not at the working directory.
    base: Option<Place>,
    pub(crate) resolve: Resolve,
    is_steady: Cell<bool>,
}

impl<'a> Walk<'a> {
    /// From the working directory.
    pub fn new(caller: &'a Caller, fs: &FsContext) -> Self {
        Self {
            caller,
            directories: fs.directories(),
            base: None,
            resolve: Resolve::empty(),
            is_steady: Cell::new(true),
        }
    }

    /// From another start.
    pub fn from(self, base: Place) -> Self {
        Self { base: Some(base), ..self }
    }

    /// For somebody else.
    pub fn by(self, caller: &Caller) -> Walk<'_> {
        Walk {
            caller,
            directories: self.directories,
            base: self.base,
            resolve: self.resolve,
            is_steady: self.is_steady,
        }
    }

    /// What was found so far, or not found, is the same until it is [counted](crate::Vfs::count_changes) that something
    /// has changed: all names looked at are in filesystems whose names change by the sandbox's own calls alone.
    pub const fn is_steady(&self) -> bool {
        self.is_steady.get()
    }

    /// Who asks.
    pub const fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// With other restrictions.
    pub(crate) fn resolving(self, resolve: Resolve) -> Self {
        Self { resolve, ..self }
    }

    /// The root directory of the one who asks.
    pub fn root(&self) -> &Place {
        &self.directories.root
    }

    /// Where `/` is in this walk.
    fn top(&self) -> &Place {
        if self.resolve.contains(Resolve::IN_ROOT) { self.base() } else { self.root() }
    }

    /// Where relative paths start.
    pub fn base(&self) -> &Place {
        self.base.as_ref().unwrap_or(&self.directories.cwd)
    }

    /// The place that `path` names; `follow` a link at its end. `ENOENT` for an empty path.
    pub fn find(&self, path: &[u8], follow: bool) -> Result<Place, Errno> {
        let mut walker = Walker::new(self, path)?;
        loop {
            let last = walker.advance()?;
            let Some(name) = last.name(&walker) else { return walker.finish(&last) };
            let found = walker.lookup(name)?;
            if found.is_symlink()? && (follow || last.is_slashed) {
                walker.follow(&found)?;
                continue;
            }
            walker.enter(found);
            return walker.finish(&last);
        }
    }

    /// The directory that `path` names, which the caller may search: for `chdir(2)` and its like.
    pub fn find_dir(&self, path: &[u8]) -> Result<Place, Errno> {
        let place = self.find(path, true)?;
        let inode = place.inode()?;
        if inode.kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        inode.permission(self.caller, 1)?;
        Ok(place)
    }
}

/// The last component of a path.
pub(crate) enum LastName {
    /// No component: the path was `/`, or all of it was walked.
    Nothing,
    Dot,
    DotDot,
    /// Bytes of the walker's path.
    Name(Range<usize>),
}

/// The end of a path.
pub(crate) struct Last {
    pub(crate) kind: LastName,
    /// Slashes follow: it must be a directory.
    pub(crate) is_slashed: bool,
}

impl Last {
    /// The name, for one that is neither `.` nor `..`.
    pub(crate) fn name<'p>(&self, walker: &'p Walker<'_, '_>) -> Option<&'p [u8]> {
        match &self.kind {
            LastName::Name(range) => walker.path.get(range.clone()),
            _ => None,
        }
    }
}

/// What a lookup found.
pub(crate) struct Found {
    dentry: Arc<Dentry>,
    /// What is mounted on the name; `None` while the walk stays in its mount.
    mount: Option<Arc<Mount>>,
}

impl Found {
    pub(crate) fn is_symlink(&self) -> Result<bool, Errno> {
        Ok(self.dentry.inode()?.kind() == FileType::Symlink)
    }
}

/// A walk in progress.
pub(crate) struct Walker<'w, 'a> {
    walk: &'w Walk<'a>,
    pub(crate) at: Place,
    path: Cow<'w, [u8]>,
    pos: usize,
    links: u32,
}

impl<'w, 'a> Walker<'w, 'a> {
    pub(crate) fn new(walk: &'w Walk<'a>, path: &'w [u8]) -> Result<Self, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if walk.resolve.contains(Resolve::CACHED) {
            return Err(Errno::EAGAIN);
        }
        let is_absolute = path.first() == Some(&b'/');
        let start = if is_absolute && walk.resolve.is_empty() { walk.root() } else { walk.base() };
        let mut walker = Self { walk, at: start.clone(), path: Cow::Borrowed(path), pos: 0, links: 0 };
        if is_absolute && !walk.resolve.is_empty() {
            walker.go_to_root()?;
        }
        Ok(walker)
    }

    /// Goes where an absolute path starts.
    fn go_to_root(&mut self) -> Result<(), Errno> {
        if self.walk.resolve.contains(Resolve::BENEATH) {
            return Err(Errno::EXDEV);
        }
        self.go(self.walk.top().clone())
    }

    /// Jumps to a place; `EXDEV` when that may not be.
    fn go(&mut self, place: Place) -> Result<(), Errno> {
        if self.walk.resolve.contains(Resolve::NO_XDEV) && !Arc::ptr_eq(&place.mount, &self.at.mount) {
            return Err(Errno::EXDEV);
        }
        self.at = place;
        Ok(())
    }

    /// Walks up to the last component.
    pub(crate) fn advance(&mut self) -> Result<Last, Errno> {
        loop {
            let component = self.next_component();
            let is_slashed = self.path.get(component.end) == Some(&b'/');
            self.pos = component.end;
            while self.path.get(self.pos) == Some(&b'/') {
                self.pos += 1;
            }
            let is_last = self.pos >= self.path.len();
            let kind = match self.path.get(component.clone()).unwrap_or_default() {
                b"" => return Ok(Last { kind: LastName::Nothing, is_slashed: false }),
                b"." => LastName::Dot,
                b".." => LastName::DotDot,
                _ => LastName::Name(component),
            };
            let last = Last { kind, is_slashed };
            if is_last {
                return Ok(last);
            }
            match last.name(self) {
                None => self.dots(&last)?,
                Some(name) => {
                    let found = self.lookup(name)?;
                    if found.is_symlink()? {
                        self.follow(&found)?;
                    } else {
                        self.enter(found);
                        self.check_directory()?;
                    }
                }
            }
        }
    }

    fn next_component(&self) -> Range<usize> {
        let rest = self.path.get(self.pos..).unwrap_or_default();
        let start = self.pos + rest.iter().take_while(|&&byte| byte == b'/').count();
        let rest = self.path.get(start..).unwrap_or_default();
        start..start + rest.iter().take_while(|&&byte| byte != b'/').count()
    }

    fn check_directory(&self) -> Result<(), Errno> {
        if self.at.inode()?.kind() == FileType::Directory { Ok(()) } else { Err(Errno::ENOTDIR) }
    }

    /// Goes where `.` or `..` leads.
    fn dots(&mut self, last: &Last) -> Result<(), Errno> {
        self.check_directory()?;
        self.at.inode()?.permission(self.walk.caller, 1)?;
        if !matches!(last.kind, LastName::DotDot) {
            return Ok(());
        }
        if self.at == *self.walk.top() {
            return if self.walk.resolve.contains(Resolve::BENEATH) { Err(Errno::EXDEV) } else { Ok(()) };
        }
        if self.walk.resolve.contains(Resolve::BENEATH) && self.at == *self.walk.base() {
            return Err(Errno::EXDEV);
        }
        match self.up() {
            Some(place) => self.go(place),
            None => Ok(()),
        }
    }

    /// The parent directory, never above the root: not even when the root is itself a mount on a mount.
    fn up(&self) -> Option<Place> {
        let mut at = self.at.clone();
        while at.is_mount_root() {
            at = at.mount.covers()?;
            if at == *self.walk.top() {
                return None;
            }
        }
        let dentry = at.dentry.parent()?;
        Some(Place { mount: at.mount, dentry }.top())
    }

    /// What `name` is in the directory where the walk stands: mounts followed, links not.
    pub(crate) fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.check_directory()?;
        let inode = self.at.inode()?;
        if inode.cache_policy() != CachePolicy::Keep {
            self.walk.is_steady.set(false);
        }
        inode.permission(self.walk.caller, 1)?;
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let dentry = self.at.dentry.lookup(self.walk.caller, name)?;
        if !dentry.is_mountpoint() {
            return Ok(Found { dentry, mount: None });
        }
        let top = Place { mount: self.at.mount.clone(), dentry }.top();
        if self.walk.resolve.contains(Resolve::NO_XDEV) && !Arc::ptr_eq(&top.mount, &self.at.mount) {
            return Err(Errno::EXDEV);
        }
        Ok(Found { dentry: top.dentry, mount: Some(top.mount) })
    }

    /// Goes to what was found in the directory where the walk stands.
    pub(crate) fn enter(&mut self, found: Found) {
        self.at.dentry = found.dentry;
        if let Some(mount) = found.mount {
            self.at.mount = mount;
        }
    }

    /// The place of what was found in the directory where the walk stands.
    pub(crate) fn place(&self, found: Found) -> Place {
        Place { mount: found.mount.unwrap_or_else(|| self.at.mount.clone()), dentry: found.dentry }
    }

    /// Follows a link found in the directory where the walk stands; the rest of the path comes after it.
    pub(crate) fn follow(&mut self, link: &Found) -> Result<(), Errno> {
        let resolve = self.walk.resolve;
        self.links += 1;
        let mount = link.mount.as_ref().unwrap_or(&self.at.mount);
        let is_forbidden = resolve.contains(Resolve::NO_SYMLINKS) || mount.flags().contains(MountFlags::NOSYMFOLLOW);
        if self.links > MAX_LINKS || is_forbidden {
            return Err(Errno::ELOOP);
        }
        let place = match link.dentry.inode()?.read_link(self.walk.caller)? {
            LinkTarget::Path(target) => return self.follow_path(target),
            LinkTarget::Place(place) => place,
            LinkTarget::File(file) => file.place().clone(),
        };
        self.walk.is_steady.set(false);
        if resolve.contains(Resolve::NO_MAGICLINKS) {
            return Err(Errno::ELOOP);
        }
        if resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT) {
            return Err(Errno::EXDEV);
        }
        let rest = self.rest();
        self.path = Cow::Owned(rest);
        self.pos = 0;
        self.go(place)
    }

    fn follow_path(&mut self, mut target: Vec<u8>) -> Result<(), Errno> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        target.extend_from_slice(&self.rest());
        let is_absolute = target.first() == Some(&b'/');
        self.path = Cow::Owned(target);
        self.pos = 0;
        if is_absolute { self.go_to_root() } else { Ok(()) }
    }

    /// What is still to be walked, with the slashes in front of it.
    fn rest(&self) -> Vec<u8> {
        let mut start = self.pos.min(self.path.len());
        while start > 0 && self.path.get(start - 1) == Some(&b'/') {
            start -= 1;
        }
        self.path.get(start..).unwrap_or_default().to_vec()
    }

    /// Ends a walk at the last component, which was looked up already when it is a name.
    pub(crate) fn finish(mut self, last: &Last) -> Result<Place, Errno> {
        match last.kind {
            LastName::Dot | LastName::DotDot => self.dots(last)?,
            LastName::Nothing | LastName::Name(_) => {}
        }
        if last.is_slashed {
            self.check_directory()?;
        }
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests;
