//! From a number and registers to a handler; the log of calls.

use crate::table::{Row, TABLE};
use abi::Errno;
use host::debug;
use kernel::CurrentTask;
use sync::Fail;

/// Answers a system call. `ENOSYS`, and counted, for what is not in the table.
pub fn dispatch(task: &mut CurrentTask, nr: u32, args: &[u64; 6]) -> Result<u64, Fail> {
    let row = TABLE.get(nr as usize).and_then(Option::as_ref);
    if task.kernel().is_strace() && host::log::is_on() {
        return logged(task, nr, row, args);
    }
    call(task, nr, row, args)
}

fn call(task: &mut CurrentTask, nr: u32, row: Option<&Row>, args: &[u64; 6]) -> Result<u64, Fail> {
    if let Some(row) = row {
        return (row.call)(task, args);
    }
    task.kernel().count_unimplemented(nr);
    Err(Errno::ENOSYS.into())
}

/// As [`call`], with a line in the debug log: `[pid tid] name(arguments) = result`.
fn logged(task: &mut CurrentTask, nr: u32, row: Option<&Row>, args: &[u64; 6]) -> Result<u64, Fail> {
    let name = row.map_or_else(|| format!("call_{nr}"), |row| row.name.to_owned());
    let (pid, tid) = (task.group().pid().root(), task.task().tid());
    let [a, b, c, d, e, f] = args;
    let result = call(task, nr, row, args);
    let text = match result {
        Ok(value) => format!("{value:#x}"),
        Err(Fail::Errno(errno)) => format!("-1 (errno {errno:?})"),
        Err(Fail::Interrupted(restart)) => format!("interrupted ({restart:?})"),
    };
    debug!("[{pid} {tid}] {name}({a:#x}, {b:#x}, {c:#x}, {d:#x}, {e:#x}, {f:#x}) = {text}");
    result
}
