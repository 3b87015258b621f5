//! Ceasing to share: `unshare(2)`.

use crate::task::CurrentTask;
use abi::Errno;
use abi::sched::CloneFlags;
use std::sync::Arc;

/// Flags that the call knows.
const KNOWN: CloneFlags = CloneFlags::NAMESPACES
    .union(CloneFlags::THREAD)
    .union(CloneFlags::FS)
    .union(CloneFlags::SIGHAND)
    .union(CloneFlags::VM)
    .union(CloneFlags::FILES)
    .union(CloneFlags::SYSVSEM);

impl CurrentTask {
    /// `unshare(2)`. `EINVAL`, `EPERM`, `ENOSPC`.
    pub fn unshare(&mut self, flags: CloneFlags) -> Result<(), Errno> {
        if !KNOWN.contains(flags) {
            return Err(Errno::EINVAL);
        }
        // Users are a matter of the whole process, and root and working directory go with users and mounts.
        let implied = |of: CloneFlags, more: CloneFlags| if flags.intersects(of) { more } else { CloneFlags::empty() };
        let flags = flags
            | implied(CloneFlags::NEWUSER, CloneFlags::THREAD | CloneFlags::FS)
            | implied(CloneFlags::NEWNS, CloneFlags::FS);
        let wants_memory = flags.intersects(CloneFlags::THREAD | CloneFlags::SIGHAND | CloneFlags::VM);
        if wants_memory && self.group().tasks().len() > 1 {
            return Err(Errno::EINVAL);
        }
        let shares = |count: usize, own: usize| count > own;
        if flags.intersects(CloneFlags::VM) && shares(Arc::strong_count(self.mm()), 2) {
            return Err(Errno::EINVAL);
        }
        let creds = self.clone_creds(flags)?;
        let namespaces = self.clone_namespaces(flags, &creds)?;
        if flags.intersects(CloneFlags::SYSVSEM | CloneFlags::NEWIPC) {
            self.task().set_undo(None);
        }
        if flags.contains(CloneFlags::NEWNS) {
            let fs = self.new_mounts(&creds.user_ns)?;
            self.set_fs(fs);
        } else if flags.contains(CloneFlags::FS) && shares(Arc::strong_count(self.fs()), 2) {
            let fs = self.fs().fork();
            self.set_fs(fs);
        }
        if flags.contains(CloneFlags::FILES) && shares(Arc::strong_count(self.fds()), 2) {
            let fds = self.fds().fork();
            self.set_fds(fds);
        }
        self.task().with_attributes(|attributes| attributes.namespaces = namespaces);
        if flags.contains(CloneFlags::NEWUSER) {
            self.set_creds((*creds).clone());
        }
        Ok(())
    }
}
