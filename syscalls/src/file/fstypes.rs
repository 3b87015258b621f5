//! `sysfs(2)`: kinds of filesystem by number.

use abi::Errno;
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory as _, UserStr};

/// Longest name that is looked for.
const NAME_MAX: usize = 4096;

/// `sysfs(2)`: the number of a name, the name of a number, how many there are.
pub(crate) fn sysfs(task: &mut CurrentTask, option: i32, arg: u64, to: UserAddr) -> Result<u64, Errno> {
    let kinds = task.fs().vfs().filesystem_types();
    match option {
        1 => {
            let name = UserStr(UserAddr(arg)).read(&**task.mm(), NAME_MAX)?.ok_or(Errno::EINVAL)?;
            let index = kinds.iter().position(|kind| kind.name().as_bytes() == name);
            index.map(|index| index as u64).ok_or(Errno::EINVAL)
        }
        2 => {
            let kind = usize::try_from(arg).ok().and_then(|index| kinds.get(index)).ok_or(Errno::EINVAL)?;
            let mut name = kind.name().as_bytes().to_vec();
            name.push(0);
            task.mm().give(to, &name).map(|()| 0)
        }
        3 => Ok(kinds.len() as u64),
        _ => Err(Errno::EINVAL),
    }
}
