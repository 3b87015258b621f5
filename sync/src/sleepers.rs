//! Tasks that are to be woken once locks are released.

use crate::wait::WaitWord;
use std::sync::Arc;

/// Tasks whose words were set and who sleep: the host is asked to wake them when nothing is locked any more, so that
/// none of them runs straight into a lock of its waker. (A `wake_q`, in Linux's words.) Dropping it wakes them.
#[derive(Debug, Default)]
pub struct Sleepers {
    /// Most wake-ups are of one task.
    first: Option<Arc<WaitWord>>,
    more: Vec<Arc<WaitWord>>,
}

impl Sleepers {
    /// Sets a task's word. False: it was set already.
    pub fn add(&mut self, word: &Arc<WaitWord>) -> bool {
        let Some(sleeps) = word.set_woken() else { return false };
        if sleeps && self.first.is_none() {
            self.first = Some(word.clone());
        } else if sleeps {
            self.more.push(word.clone());
        }
        true
    }

    /// Wakes them.
    pub fn wake(self) {}
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for word in self.first.iter().chain(&self.more) {
            word.rouse();
        }
    }
}
