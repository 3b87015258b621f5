//! Telling watchers of changes: `inotify(7)`. Costs one load while nobody watches anything.

pub(crate) use abi::inotify::Event;

use crate::dentry::Dentry;
use crate::dnotify::heard_as;
use crate::inode::Inode;
use crate::inotify::Watch;
use crate::open_file::OpenFile;
use abi::dnotify::DirEvents;
use abi::fs::FileType;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

/// Watches in the sandbox.
pub(crate) static WATCHES: AtomicUsize = AtomicUsize::new(0);
static COOKIE: AtomicU32 = AtomicU32::new(1);

fn is_idle() -> bool {
    WATCHES.load(Relaxed) == 0
}

/// Tells the watches of one object. `name` is set for events inside a directory.
fn tell(inode: &Arc<dyn Inode>, event: Event, cookie: u32, name: &[u8]) {
    tell_by(inode, event, cookie, name, false);
}

/// The same; `is_unlinked`: it came about by a name that is no more, of which not all want to hear.
fn tell_by(inode: &Arc<dyn Inode>, event: Event, cookie: u32, name: &[u8], is_unlinked: bool) {
    let watches: Vec<Arc<Watch>> = inode.attachments().watches();
    // inotify never said that of a directory's own end or move.
    let is_of_self = event.intersects(Event::MOVE_SELF | Event::DELETE_SELF);
    let shown = if is_of_self { event - Event::ISDIR } else { event };
    for watch in watches.iter().filter(|watch| !is_unlinked || !watch.ignores_unlinked()) {
        watch.tell(shown, cookie, name);
    }
    tell_by_signal(inode, heard_as(event));
}

fn tell_by_signal(inode: &Arc<dyn Inode>, mask: DirEvents) {
    if let Some(watches) = inode.attachments().dir_watches_if_any() {
        WATCHES.fetch_sub(watches.tell(mask), SeqCst);
    }
}

fn dir_bit(is_dir: bool) -> Event {
    if is_dir { Event::ISDIR } else { Event::empty() }
}

/// Something happened to a name of a directory.
pub(crate) fn in_directory(dir: &Dentry, name: &[u8], event: Event, is_dir: bool) {
    if is_idle() {
        return;
    }
    if let Ok(inode) = dir.inode() {
        tell(inode, event | dir_bit(is_dir), 0, name);
    }
}

/// Something happened to an object, by no name in particular.
pub(crate) fn on_inode(inode: &Arc<dyn Inode>, event: Event) {
    if !is_idle() {
        tell(inode, event | dir_bit(inode.kind() == FileType::Directory), 0, b"");
    }
}

/// Something happened to an object by one of its names: the directory's watches hear of it too.
pub(crate) fn on_dentry(dentry: &Dentry, event: Event) {
    if is_idle() {
        return;
    }
    let Ok(inode) = dentry.inode() else { return };
    let event = event | dir_bit(inode.kind() == FileType::Directory);
    if let (Some(parent), name) = dentry.link()
        && let Ok(dir) = parent.inode()
    {
        tell_by(dir, event, 0, &name, dentry.is_deleted());
    }
    tell_by(inode, event, 0, b"", dentry.is_deleted());
}

/// Something happened through an open file.
pub(crate) fn on_file(file: &OpenFile, event: Event) {
    if !is_idle() && !file.is_anonymous() {
        on_dentry(&file.place().dentry, event);
    }
}

/// A name was removed.
pub(crate) fn removed(dir: &Dentry, name: &[u8], victim: &Arc<dyn Inode>, is_dir: bool) {
    if is_idle() {
        return;
    }
    let is_gone = is_dir || victim.attr().is_ok_and(|attr| attr.nlink == 0);
    if !is_dir {
        tell(victim, Event::ATTRIB, 0, b"");
    }
    if is_gone {
        tell_gone(victim);
    }
    in_directory(dir, name, Event::DELETE, is_dir);
}

/// The last name of an object went: those who watch it hear of it and watch it no more.
fn tell_gone(victim: &Arc<dyn Inode>) {
    tell(victim, Event::DELETE_SELF, 0, b"");
    for watch in victim.attachments().watches() {
        watch.end();
    }
}

/// A name was moved, and what was there before is gone.
pub(crate) fn moved(
    from: (&Arc<Dentry>, &[u8]),
    to: (&Arc<Dentry>, &[u8]),
    inode: &Arc<dyn Inode>,
    replaced: Option<&Arc<Dentry>>,
) {
    if is_idle() {
        return;
    }
    let cookie = COOKIE.fetch_add(1, SeqCst);
    let is_dir = dir_bit(inode.kind() == FileType::Directory);
    if let Ok(dir) = from.0.inode() {
        if Arc::ptr_eq(from.0, to.0) {
            tell_by_signal(dir, DirEvents::RENAME);
        }
        tell(dir, Event::MOVED_FROM | is_dir, cookie, from.1);
    }
    if let Ok(dir) = to.0.inode() {
        tell(dir, Event::MOVED_TO | is_dir, cookie, to.1);
    }
    tell(inode, Event::MOVE_SELF | is_dir, 0, b"");
    if let Some(Ok(victim)) = replaced.map(|dentry| dentry.inode()) {
        tell(victim, Event::ATTRIB | dir_bit(victim.kind() == FileType::Directory), 0, b"");
        if victim.attr().is_ok_and(|attr| attr.nlink == 0 || attr.kind == FileType::Directory) {
            tell_gone(victim);
        }
    }
}
