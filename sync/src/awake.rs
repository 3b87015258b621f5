//! How many threads of some kind are awake.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

thread_local! {
    static COUNTED: RefCell<Option<Counted>> = const { RefCell::new(None) };
}

/// Counts threads, each for as long as it does not sleep on a wait word. For hints: a thread may be counted a little late.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Awake(AtomicU32);

impl Awake {
    /// So many are awake.
    pub fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

/// A thread that is counted.
#[derive(Debug)]
struct Counted(Arc<Awake>);

impl Counted {
    fn new(awake: Arc<Awake>) -> Self {
        awake.0.fetch_add(1, Relaxed);
        Self(awake)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// From now on the calling thread is counted in `awake`, and nowhere else.
pub fn count_in(awake: Option<&Arc<Awake>>) {
    COUNTED.set(awake.map(|awake| Counted::new(Arc::clone(awake))));
}

/// Runs `f`, in which the calling thread sleeps.
pub(crate) fn asleep<T>(f: impl FnOnce() -> T) -> T {
    let awake = COUNTED.take().map(|counted| Arc::clone(&counted.0));
    let result = f();
    if awake.is_some() {
        count_in(awake.as_ref());
    }
    result
}
