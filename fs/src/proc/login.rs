//! /proc/PID/loginuid and sessionid: `proc_pid_loginuid(5)`, `pam_loginuid(8)`.

use super::process::Process;
use abi::Errno;
use kernel::{Login, Task};
use vfs::{Caller, Capability};

/// Who logged in, as the reader's user namespace names it.
pub(super) fn uid(process: &Process, caller: &Caller) -> Result<Vec<u8>, Errno> {
    let uid = process.task.attributes().login.uid;
    let shown = if uid == u32::MAX { uid } else { caller.creds.user_ns.guest_uid(uid) };
    Ok(shown.to_string().into_bytes())
}

/// The number of the session.
pub(super) fn session(process: &Process, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    Ok(process.task.attributes().login.session.to_string().into_bytes())
}

/// A thread notes its own login: once, unless it has the right to do so again.
pub(super) fn set_uid(process: &Process, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    if Task::of(caller).is_none_or(|task| task.serial() != process.task.serial()) {
        return Err(Errno::EPERM);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
    let given: u32 = text.trim_end_matches('\n').parse().map_err(|_| Errno::EINVAL)?;
    let login = if given == u32::MAX {
        Login::NOBODY
    } else {
        let uid = caller.creds.user_ns.kernel_uid(given).ok_or(Errno::EINVAL)?;
        Login { uid, session: process.root.kernel.new_login_session() }
    };
    let may_again = caller.creds.has_in_root(Capability::AuditControl);
    process.task.with_attributes(|attributes| {
        if attributes.login != Login::NOBODY && !may_again {
            return Err(Errno::EPERM);
        }
        attributes.login = login;
        Ok(())
    })
}
