//! What the vfs sees of a task.

use crate::task::Task;
use abi::signal::SigInfo;
use vfs::ProcessView;

impl ProcessView for Task {
    fn tid(&self) -> i32 {
        Self::tid(self)
    }

    fn pid(&self) -> i32 {
        self.group().pid().root()
    }

    fn session(&self) -> i32 {
        self.group().session().map_or(0, |session| session.id().root())
    }

    fn process_group(&self) -> i32 {
        self.group().process_group().map_or(0, |group| group.id().root())
    }

    fn is_group_orphaned(&self) -> bool {
        self.group().is_orphaned()
    }

    fn is_signal_ignored(&self, signal: u8) -> bool {
        self.group().signals.lock().is_blocked_or_ignored(self.serial(), signal)
    }

    fn signal_own_group(&self, signal: u8) {
        if let Some(group) = self.group().process_group() {
            self.kernel().signal_process_group(group.id().root(), SigInfo::kernel(signal));
        }
    }

    fn signal_self(&self, signal: u8) {
        // SIGPIPE goes to the thread whose write failed, the others to the process.
        let info = SigInfo::kernel(signal);
        if signal == abi::signal::SIGPIPE {
            self.send(info);
        } else {
            self.group().send(info);
        }
    }

    fn limit(&self, resource: u32) -> u64 {
        self.group().limit(resource)
    }

    fn umask(&self) -> u32 {
        self.fs().map_or(0o022, |fs| fs.umask())
    }
}
