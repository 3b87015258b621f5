//! `_exit(2)`, `exit_group(2)`.

use abi::Errno;
use kernel::CurrentTask;

/// `_exit(2)`, of one thread.
pub(crate) fn exit(task: &mut CurrentTask, code: i32) -> Result<(), Errno> {
    task.exit_thread(code as u8);
    Ok(())
}

/// `exit_group(2)`.
pub(crate) fn exit_group(task: &mut CurrentTask, code: i32) -> Result<(), Errno> {
    task.exit_group(code as u8);
    Ok(())
}
