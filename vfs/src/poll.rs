//! Waiting for several files: `poll(2)`, `select(2)`.

use crate::caller::Caller;
use crate::open_file::OpenFile;
use abi::poll::Events;
use std::sync::Arc;
use sync::{Deadline, Fail, Registration, Restart, Woken};

/// One file that a poll looks at.
#[derive(Debug)]
pub struct Polled {
    /// The file; `None` is left out.
    pub file: Option<Arc<OpenFile>>,
    /// Events asked for. `ERR`, `HUP` and `NVAL` are always told.
    pub want: Events,
    /// Events found; what is set before the poll counts (`NVAL`).
    pub got: Events,
}

/// How many files have events, after a look at each.
fn look(items: &mut [Polled]) -> usize {
    let mut count = 0;
    for item in items {
        if let Some(file) = &item.file {
            item.got = file.ops.readiness() & (item.want | Events::ERR | Events::HUP);
        }
        count += usize::from(!item.got.is_empty());
    }
    count
}

/// Waits until a file has an event, until `deadline`, or not at all; gives the number of files with events.
/// Ends with `Interrupted(Restart::NoHandler)` on a signal.
pub fn poll(caller: &Caller, items: &mut [Polled], deadline: Option<Deadline>, only_look: bool) -> Result<usize, Fail> {
    let count = look(items);
    if count > 0 || only_look {
        return Ok(count);
    }
    let mut registrations: Vec<(Arc<OpenFile>, Registration)> = Vec::new();
    for item in items.iter() {
        if let Some(file) = &item.file
            && let Some(queue) = file.ops.wait_queue()
        {
            let events = item.want | Events::ERR | Events::HUP;
            registrations.push((file.clone(), queue.add(events, caller.word.clone())));
        }
    }
    let result = loop {
        caller.word.arm();
        let count = look(items);
        if count > 0 {
            break Ok(count);
        }
        match caller.word.sleep(deadline) {
            Woken::Event => {}
            Woken::Interrupted => break Err(Fail::Interrupted(Restart::NoHandler)),
            Woken::TimedOut => break Ok(look(items)),
        }
    };
    for (file, registration) in registrations {
        if let Some(queue) = file.ops.wait_queue() {
            queue.remove(registration);
        }
    }
    result
}
