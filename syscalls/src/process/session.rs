//! `vhangup(2)`, `reboot(2)`.

use abi::Errno;
use kernel::CurrentTask;
use vfs::Capability;

/// `vhangup(2)`.
pub(crate) fn vhangup(task: &mut CurrentTask) -> Result<(), Errno> {
    if !task.creds().has_in_root(Capability::SysTtyConfig) {
        return Err(Errno::EPERM);
    }
    let terminal = task.group().session().and_then(|session| session.terminal());
    if let Some(terminal) = terminal {
        terminal.kill();
    }
    Ok(())
}

/// `LINUX_REBOOT_MAGIC1`, and the values of `LINUX_REBOOT_MAGIC2`.
const MAGIC1: u32 = 0xfee1_dead;
const MAGIC2: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
/// `LINUX_REBOOT_CMD_*`.
const RESTART: u32 = 0x0123_4567;
const RESTART2: u32 = 0xa1b2_c3d4;
const HALT: u32 = 0xcdef_0123;
const POWER_OFF: u32 = 0x4321_fedc;

/// `reboot(2)`: as in a pid namespace, whose first process ends as if by the signal that says what was asked for.
pub(crate) fn reboot(task: &mut CurrentTask, magic1: u32, magic2: u32, command: u32) -> Result<(), Errno> {
    let namespace = task.task().pid_namespace();
    if !task.creds().has_in(&namespace.owner, Capability::SysBoot) {
        return Err(Errno::EPERM);
    }
    if magic1 != MAGIC1 || !MAGIC2.contains(&magic2) {
        return Err(Errno::EINVAL);
    }
    match command {
        RESTART | RESTART2 => task.end_namespace(abi::signal::SIGHUP),
        HALT | POWER_OFF => task.end_namespace(abi::signal::SIGINT),
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}
