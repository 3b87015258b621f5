//! `execve(2)`, `execveat(2)`.

use crate::arg::Fd;
use crate::process::arguments::Strings;
use abi::Errno;
use abi::fs::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW};
use kernel::CurrentTask;
use kernel::process::{Arguments, Executable};
use mm::{UserAddr, UserStr};
use sync::Fail;

/// `execve(2)`.
pub(crate) fn execve(task: &mut CurrentTask, path: UserStr, argv: UserAddr, envp: UserAddr) -> Result<(), Fail> {
    let path = path.read_path(&**task.mm())?;
    run(task, &Executable::path(path), argv, envp)
}

/// `execveat(2)`.
pub(crate) fn execveat(
    task: &mut CurrentTask,
    dir: Fd,
    path: UserStr,
    argv: UserAddr,
    envp: UserAddr,
    flags: u32,
) -> Result<(), Fail> {
    if flags & !(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let path = path.read_path(&**task.mm())?;
    if path.is_empty() && flags & AT_EMPTY_PATH == 0 {
        return Err(Errno::ENOENT.into());
    }
    let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
    let mut executable = Executable { follow, ..Executable::path(path) };
    let is_relative = executable.path.first() != Some(&b'/');
    if dir.0 == AT_FDCWD && executable.path.is_empty() {
        executable.base = Some(task.fs().cwd());
    } else if dir.0 != AT_FDCWD && is_relative {
        let file = task.fds().get_any(dir.0)?;
        executable.base = Some(file.place().clone());
        executable.name = format!("/dev/fd/{}", dir.0).into_bytes();
        if !executable.path.is_empty() {
            executable.name.push(b'/');
            executable.name.extend_from_slice(&executable.path);
        }
        executable.is_hidden = task.fds().cloexec(dir.0)?;
    }
    run(task, &executable, argv, envp)
}

fn run(task: &mut CurrentTask, executable: &Executable, argv: UserAddr, envp: UserAddr) -> Result<(), Fail> {
    let mm = task.mm().clone();
    let mut strings = Strings::new(&*mm, task.max_arguments());
    let arguments = Arguments { argv: strings.vector(argv)?, envp: strings.vector(envp)? };
    drop(mm);
    task.exec(executable, arguments)
}
