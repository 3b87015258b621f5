//! What a thread does with its futexes when it leaves its memory.

use crate::task::CurrentTask;
use mm::UserAddr;
use std::sync::Arc;

impl CurrentTask {
    /// The thread ends, or leaves its memory by execve: locks that it holds go to others, its
    /// `CLONE_CHILD_CLEARTID` word is cleared. While its memory can still be used.
    pub(crate) fn leave_futexes(&mut self) {
        let kernel = self.kernel().clone();
        let identity = self.task().futex_identity();
        let head = UserAddr(self.context.robust_list());
        self.context.set_robust_list(0);
        let clear = std::mem::take(&mut self.clear_child_tid);
        let mm = self.mm();
        if !head.is_null() {
            kernel.futexes().exit_robust_list(&**mm, &**mm, head, identity.tid);
        }
        kernel.futexes().exit_pi(&identity);
        if clear != UserAddr::NULL && self.shares_memory() {
            super::wake_at_exit(mm, clear);
        }
    }

    /// Another task may use its memory: more hold it than this one and what it shows of itself.
    fn shares_memory(&self) -> bool {
        Arc::strong_count(self.mm()) > 2
    }
}
