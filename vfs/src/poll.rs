//! Waiting for several files: `poll(2)`, `select(2)`.

use crate::caller::Caller;
use crate::open_file::OpenFile;
use abi::poll::Events;
use std::sync::Arc;
use sync::{Deadline, Fail, Registration, Restart, WaitQueue, Woken};

/// One file that a poll looks at.
#[derive(Debug)]
pub struct Polled {
    /// The file; `None` is left out.
    file: Option<Arc<OpenFile>>,
    /// Events asked for. `ERR`, `HUP` and `NVAL` are always told.
    pub want: Events,
    /// Events found.
    pub got: Events,
    /// Its place among those who wait for the file.
    place: Option<Registration>,
}

impl Polled {
    /// A file to look at, and for what.
    pub const fn new(file: Arc<OpenFile>, want: Events) -> Self {
        Self { file: Some(file), want, got: Events::empty(), place: None }
    }

    /// No file; `got` is what is told of it.
    pub const fn nothing(got: Events) -> Self {
        Self { file: None, want: Events::empty(), got, place: None }
    }

    fn interest(&self) -> Events {
        self.want | Events::ERR | Events::HUP
    }

    /// Looks at the file; true when there are events.
    fn look(&mut self) -> bool {
        if let Some(file) = &self.file {
            self.got = file.ops.readiness() & self.interest();
        }
        !self.got.is_empty()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        self.file.as_ref()?.ops.wait_queue()
    }
}

/// How many files have events, after a look at each.
fn look(items: &mut [Polled]) -> usize {
    items.iter_mut().map(|item| usize::from(item.look())).sum()
}

/// Waits until a file has an event, until `deadline`, or not at all; gives the number of files with events.
/// Ends with `Interrupted(Restart::NoHandler)` on a signal.
pub fn poll(caller: &Caller, items: &mut [Polled], deadline: Option<Deadline>, only_look: bool) -> Result<usize, Fail> {
    let count = look(items);
    if count > 0 || only_look {
        return Ok(count);
    }
    for item in items.iter_mut() {
        let place = item.queue().map(|queue| queue.add(item.interest(), caller.word.clone()));
        item.place = place;
    }
    let result = wait(caller, items, deadline);
    for item in items {
        if let Some(place) = item.place.take()
            && let Some(queue) = item.queue()
        {
            queue.remove(place);
        }
    }
    result
}

/// Sleeps until one of the files, which know of the caller, has an event.
fn wait(caller: &Caller, items: &mut [Polled], deadline: Option<Deadline>) -> Result<usize, Fail> {
    loop {
        caller.word.arm();
        let count = look(items);
        if count > 0 {
            return Ok(count);
        }
        match caller.word.sleep(deadline) {
            Woken::Event => {}
            Woken::Interrupted => return Err(Fail::Interrupted(Restart::NoHandler)),
            Woken::TimedOut => return Ok(look(items)),
        }
    }
}
