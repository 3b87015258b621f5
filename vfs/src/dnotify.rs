//! Directories that tell by signals what happens in them: `F_NOTIFY` of `fcntl(2)`.

use abi::dnotify::DirEvents;
use abi::inotify::Event;
use abi::poll::Events;
use std::sync::Arc;
use sync::{Mutex, Rank, Sleepers, Wake};

/// What one open description wants to hear of.
struct DirWatch {
    /// [`crate::OpenFile`]'s identity.
    file: u64,
    mask: DirEvents,
    waker: Arc<dyn Wake>,
}

/// Those who watch one directory.
pub(crate) struct DirWatches(Mutex<Vec<DirWatch>>);

impl DirWatches {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Rank::Inode, Vec::new()))
    }

    /// `waker` hears of `mask` from now on, and of what the description watches for already. True for its first watch.
    pub(crate) fn add(&self, file: u64, mask: DirEvents, waker: Arc<dyn Wake>) -> bool {
        let mut watches = self.0.lock();
        let old = watches.iter_mut().find(|watch| watch.file == file);
        let is_first = old.is_none();
        match old {
            Some(watch) => *watch = DirWatch { file, mask: watch.mask | mask, waker },
            None => watches.push(DirWatch { file, mask, waker }),
        }
        is_first
    }

    /// The description hears of nothing any more. True when it did.
    pub(crate) fn remove(&self, file: u64) -> bool {
        let mut watches = self.0.lock();
        let before = watches.len();
        watches.retain(|watch| watch.file != file);
        watches.len() < before
    }

    /// Something happened in the directory. How many watches ended with it.
    pub(crate) fn tell(&self, mask: DirEvents) -> usize {
        let mut watches = self.0.lock();
        let before = watches.len();
        watches.retain(|watch| {
            if !watch.mask.intersects(mask) {
                return true;
            }
            watch.waker.wake(Events::MSG, &mut Sleepers::default());
            watch.mask.contains(DirEvents::MULTISHOT)
        });
        before - watches.len()
    }
}

/// What an event is to those who hear by signals: a move is a removal here and a creation there.
pub(crate) fn heard_as(event: Event) -> DirEvents {
    let pairs = [
        (Event::ACCESS, DirEvents::ACCESS),
        (Event::MODIFY, DirEvents::MODIFY),
        (Event::CREATE | Event::MOVED_TO, DirEvents::CREATE),
        (Event::DELETE | Event::MOVED_FROM, DirEvents::DELETE),
        (Event::ATTRIB, DirEvents::ATTRIB),
    ];
    pairs.iter().filter(|(from, _)| event.intersects(*from)).map(|&(_, to)| to).collect()
}
