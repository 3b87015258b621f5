//! Wake-ups that wait until their cause is done.

use crate::wait::WaitWord;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// Tasks that the calling thread is to wake; `None` outside of [`wake_later`].
    static SLEEPERS: RefCell<Option<Vec<Arc<WaitWord>>>> = const { RefCell::new(None) };
}

/// Runs `f`, which takes locks and wakes tasks that want the same locks: the words are set at once, but the host is
/// asked to wake who sleeps only when `f` is done, so that none runs straight into a lock of its waker.
pub fn wake_later<T>(f: impl FnOnce() -> T) -> T {
    let outer = SLEEPERS.replace(Some(Vec::new()));
    let result = f();
    let sleepers = SLEEPERS.replace(outer).unwrap_or_default();
    for word in sleepers {
        word.rouse_now();
    }
    result
}

/// Takes note of a sleeper. False: it is to be woken at once.
pub(crate) fn note(word: &Arc<WaitWord>) -> bool {
    SLEEPERS.with_borrow_mut(|sleepers| sleepers.as_mut().map(|sleepers| sleepers.push(word.clone())).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Woken;

    #[test]
    fn who_sleeps_is_woken_in_the_end() {
        let word = Arc::new(WaitWord::new());
        let sleeper = {
            let word = word.clone();
            std::thread::spawn(move || word.sleep(None))
        };
        while !word.is_sleeping() {
            std::thread::yield_now();
        }
        wake_later(|| word.wake());
        assert_eq!(sleeper.join().unwrap(), Woken::Event);
    }

    #[test]
    fn only_within_it_the_host_is_asked_later() {
        let word = Arc::new(WaitWord::new());
        assert!(!note(&word));
        wake_later(|| {
            assert!(note(&word));
            wake_later(|| assert!(note(&word)));
            assert!(note(&word));
        });
        assert!(!note(&word));
    }
}
