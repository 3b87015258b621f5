//! Host threads for tasks. One that has run its task to the end waits a while for the next: that is cheaper than a
//! new one.

use abi::Errno;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Stack of a host thread. Handlers keep large buffers elsewhere.
const STACK_LEN: usize = 512 << 10;
/// Most threads that wait for work.
const IDLE_MAX: usize = 16;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a host thread is to do: run one task.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Where a thread that waits is given its work.
#[derive(Default)]
struct Seat {
    job: Mutex<Option<Job>>,
    wake: Condvar,
}

/// Threads that wait, the last to come on top: its stack is still warm.
static IDLE: Mutex<Vec<Arc<Seat>>> = Mutex::new(Vec::new());

/// Runs a task on a host thread of its own. `EAGAIN` when the host has none.
pub(crate) fn run(job: Job) -> Result<(), Errno> {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    if let Some(seat) = idle {
        *seat.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        seat.wake.notify_one();
        return Ok(());
    }
    let thread = std::thread::Builder::new().stack_size(STACK_LEN).name("task".to_owned());
    thread.spawn(move || serve(job)).map(drop).map_err(|_| Errno::EAGAIN)
}

/// A host thread's life.
fn serve(first: Job) {
    first();
    let seat = Arc::new(Seat::default());
    loop {
        {
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() >= IDLE_MAX {
                return;
            }
            idle.push(seat.clone());
        }
        match wait(&seat) {
            Some(job) => job(),
            None => return,
        }
    }
}

/// Waits for work. `None` when none came for long: the seat is given up.
fn wait(seat: &Arc<Seat>) -> Option<Job> {
    let mut job = seat.job.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(job) = job.take() {
            return Some(job);
        }
        let (guard, timeout) = seat.wake.wait_timeout(job, PATIENCE).unwrap_or_else(PoisonError::into_inner);
        job = guard;
        if timeout.timed_out() && job.is_none() {
            drop(job);
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            let before = idle.len();
            idle.retain(|other| !Arc::ptr_eq(other, seat));
            if idle.len() < before {
                return None;
            }
            // Somebody took the seat at this very moment: the work is on its way.
            drop(idle);
            job = seat.job.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn every_job_runs() {
        let (sender, receiver) = mpsc::channel();
        for i in 0..200 {
            let sender = sender.clone();
            run(Box::new(move || sender.send(i).expect("the test listens"))).expect("a thread");
        }
        let mut seen: Vec<i32> = receiver.iter().take(200).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
    }
}
