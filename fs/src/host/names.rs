//! Names of host directories.

use super::link::Link;
use super::node::Node;
use abi::Errno;
use abi::fs::FileType;
use host::file::{self, At, Stat};
use std::os::fd::AsFd;
use std::sync::Arc;
use vfs::{Inode, NewNode, RenameFlags};

impl Node {
    /// The object of a name; `ENOENT`.
    pub(super) fn find(&self, name: &[u8]) -> Result<Arc<Self>, Errno> {
        let dir = self.directory()?;
        let stat = file::stat(At::new(&dir, name))?;
        self.fs.node(&stat, Some((&self.me()?, name)))
    }

    /// Makes a node.
    pub(super) fn make(&self, name: &[u8], node: &NewNode) -> Result<Arc<Self>, Errno> {
        let dir = self.directory()?;
        let at = At::new(&dir, name);
        match node.kind {
            FileType::Regular => drop(file::create(at, node.mode)?),
            FileType::Directory => file::make_dir(at, node.mode)?,
            FileType::Symlink => file::make_symlink(at, &node.target)?,
            kind => file::make_node(at, kind, node.mode, node.rdev)?,
        }
        let stat = own(at, node)?;
        self.fs.node(&stat, Some((&self.me()?, name)))
    }

    /// Makes a regular file without a name.
    pub(super) fn make_unnamed(&self, node: &NewNode) -> Result<Arc<Self>, Errno> {
        let fd = Arc::new(file::open_unnamed(self.directory()?.as_fd(), node.mode)?);
        let stat = own(At::fd(&*fd), node)?;
        let made = self.fs.node(&stat, Some((&self.me()?, b"")))?;
        made.set_link(Link::Gone);
        made.pin(fd);
        Ok(made)
    }

    /// Gives `target` one more name.
    pub(super) fn add_link(&self, name: &[u8], target: &Self) -> Result<(), Errno> {
        let (dir, way) = (self.directory()?, target.way()?);
        file::link(way.at(), At::new(&dir, name))?;
        if matches!(target.link(), Link::Gone) {
            target.set_link(Link::At(self.me()?, Arc::from(name)));
        }
        Ok(())
    }

    /// Removes a name. An object that the guest still holds stays reachable.
    pub(super) fn remove(&self, name: &[u8], is_dir: bool) -> Result<(), Errno> {
        let dir = self.directory()?;
        let at = At::new(&dir, name);
        let victim = self.fs.live_at(&file::stat(at)?);
        // Best effort: without a descriptor to spare, its last known attributes are shown.
        let pin = victim.as_ref().filter(|victim| victim.pinned().is_none()).and_then(|_| file::open_path(at).ok());
        file::remove(at, is_dir)?;
        if let Some(victim) = victim {
            self.lost_name(&victim, name, pin.map(Arc::new));
        }
        Ok(())
    }

    /// `victim` lost a name of this directory.
    fn lost_name(&self, victim: &Arc<Self>, name: &[u8], pin: Option<Arc<std::os::fd::OwnedFd>>) {
        let was_here = matches!(victim.link(), Link::At(dir, at) if dir.key == self.key && &*at == name);
        if was_here {
            if let Some(fd) = pin.or_else(|| victim.pinned()) {
                victim.pin(fd);
            }
            victim.set_link(Link::Gone);
        }
    }

    /// Moves a name to a name of another directory, or of this one.
    pub(super) fn move_to(&self, name: &[u8], to: &Self, new_name: &[u8], flags: RenameFlags) -> Result<(), Errno> {
        let (dir, new_dir) = (self.directory()?, to.directory()?);
        let (old, new) = (At::new(&dir, name), At::new(&new_dir, new_name));
        let moved = self.fs.live_at(&file::stat(old)?);
        let target = file::stat(new).ok().and_then(|stat| self.fs.live_at(&stat));
        let pin = target.as_ref().filter(|target| target.pinned().is_none()).and_then(|_| file::open_path(new).ok());
        file::rename(old, new, flags.bits())?;
        if flags.contains(RenameFlags::EXCHANGE) {
            if let Some(target) = target {
                target.set_link(Link::At(self.me()?, Arc::from(name)));
            }
        } else if let Some(target) = target {
            to.lost_name(&target, new_name, pin.map(Arc::new));
        }
        if let Some(moved) = moved {
            moved.set_link(Link::At(to.me()?, Arc::from(new_name)));
        }
        Ok(())
    }
}

/// Gives a new object the owner and mode that were asked for, as far as the host permits; its attributes.
fn own(at: At<'_>, node: &NewNode) -> Result<Stat, Errno> {
    let stat = file::stat(at)?;
    let uid = (stat.uid != node.uid).then_some(node.uid);
    let gid = (stat.gid != node.gid).then_some(node.gid);
    let is_other = uid.is_some() || gid.is_some();
    // Not permitted, or an id that the host has no number for: it stays as it is.
    let owned = is_other && file::chown(at, uid, gid).is_ok();
    // The host's umask, and what a change of owner clears.
    let is_wrong = node.kind != FileType::Symlink && (stat.mode & 0o7777 != node.mode || owned);
    if is_wrong {
        let _ = file::chmod(at, node.mode);
    }
    if owned || is_wrong { file::stat(at) } else { Ok(stat) }
}

impl super::HostFs {
    /// The live node of a host object.
    pub(super) fn live_at(&self, stat: &Stat) -> Option<Arc<Node>> {
        let node = self.live((stat.dev, stat.ino))?;
        (Some(node.kind()) == FileType::from_mode(stat.mode)).then_some(node)
    }
}
