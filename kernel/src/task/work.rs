//! Work queued for a task by others: it runs before the task returns to application code.

use crate::task::{CurrentTask, Task};

/// Something that a task is to do itself.
pub(crate) type Work = Box<dyn FnOnce(&mut CurrentTask) + Send>;

/// Most pieces of work that wait for one task.
const LIMIT: usize = 1024;

impl Task {
    /// Has the task do something before it returns to application code. False: it has too much to do, or is gone.
    pub fn add_work(&self, work: impl FnOnce(&mut CurrentTask) + Send + 'static) -> bool {
        if !self.is_live() {
            return false;
        }
        {
            let mut list = self.work.lock();
            if list.len() >= LIMIT {
                return false;
            }
            list.push_back(Box::new(work));
        }
        self.interrupt();
        true
    }
}

impl CurrentTask {
    /// Does what others queued.
    pub(crate) fn do_work(&mut self) {
        loop {
            let next = self.task().work.lock().pop_front();
            match next {
                Some(work) => work(self),
                None => break,
            }
        }
    }
}
