//! The thread whose call somebody else answers.

use super::call::Wishes;
use super::notifier::{Answer, Gift, Notifier, Turn};
use crate::task::CurrentTask;
use abi::Errno;
use abi::seccomp::Data;
use sync::{Fail, Restart, Woken};

impl CurrentTask {
    /// Has the listener answer a call. `None`: the call is made. `ENOSYS` without a listener.
    pub(super) fn ask_listener(&mut self, by: &Wishes, data: &Data) -> Option<Result<u64, Fail>> {
        let posted = by.notifier.as_ref().and_then(|notifier| Some((notifier, notifier.post(self.task(), data)?)));
        let Some((notifier, id)) = posted else { return Some(Err(Errno::ENOSYS.into())) };
        let result = self.await_answer(notifier, id);
        notifier.leave(id);
        match result {
            Ok(Answer::Continue) => None,
            Ok(Answer::Value(value)) => Some(Ok(value)),
            Err(fail) => Some(Err(fail)),
        }
    }

    fn await_answer(&self, notifier: &Notifier, id: u64) -> Result<Answer, Fail> {
        let word = self.task().word().clone();
        loop {
            word.arm();
            match notifier.turn(id) {
                Turn::Done(answer) => return Ok(answer),
                Turn::Take(gift) => {
                    let outcome = self.take(&gift);
                    notifier.finish(id, &gift, outcome);
                }
                Turn::Sleep { is_killable: true } => {
                    if word.sleep_killable(None) == Woken::Interrupted {
                        return Err(Fail::Interrupted(Restart::Sa));
                    }
                }
                Turn::Sleep { is_killable: false } => {
                    // Between the look and the sleep it may have been received.
                    let still_counts = || !matches!(notifier.turn(id), Turn::Sleep { is_killable: true });
                    if word.sleep(None) == Woken::Interrupted && still_counts() {
                        return Err(Fail::Interrupted(Restart::Sa));
                    }
                }
            }
        }
    }

    /// Takes a descriptor that a listener gives.
    fn take(&self, gift: &Gift) -> Result<i32, Errno> {
        match gift.number {
            None => self.fds().insert(self.caller(), gift.file.clone(), gift.is_cloexec),
            Some(number) => {
                self.fds().dup_to(self.caller(), gift.file.clone(), number, gift.is_cloexec)?;
                Ok(number)
            }
        }
    }
}
