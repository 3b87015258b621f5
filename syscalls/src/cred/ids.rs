//! User and group ids: `getuid(2)`, `setuid(2)`, `setreuid(2)`, `setresuid(2)`, `setfsuid(2)`.

use super::rules::{self, Ids, Kind};
use abi::Errno;
use kernel::CurrentTask;
use mm::UserPtr;
use vfs::Credentials;

/// A kernel id as the caller's user namespace names it.
fn shown(creds: &Credentials, kind: Kind, id: u32) -> u32 {
    match kind {
        Kind::User => creds.user_ns.guest_uid(id),
        Kind::Group => creds.user_ns.guest_gid(id),
    }
}

/// An id of the caller's user namespace as a kernel id; `EINVAL`.
fn meant(creds: &Credentials, kind: Kind, id: u32) -> Result<u32, Errno> {
    let found = match kind {
        Kind::User => creds.user_ns.kernel_uid(id),
        Kind::Group => creds.user_ns.kernel_gid(id),
    };
    // -1 is no id.
    found.filter(|_| id != u32::MAX).ok_or(Errno::EINVAL)
}

/// As [`meant`], where -1 says: leave it as it is.
fn optional(creds: &Credentials, kind: Kind, id: u32) -> Result<Option<u32>, Errno> {
    if id == u32::MAX { Ok(None) } else { meant(creds, kind, id).map(Some) }
}

/// Takes over new ids. A change of who one is makes the process undumpable and forgets the parent's death signal.
fn install(task: &mut CurrentTask, new: Credentials) {
    let old = task.creds().clone();
    let is_changed = (old.euid, old.egid, old.fsuid, old.fsgid) != (new.euid, new.egid, new.fsuid, new.fsgid);
    let has_gained = new.permitted & !old.permitted != 0;
    if is_changed || has_gained {
        task.group().is_dumpable.store(false, std::sync::atomic::Ordering::SeqCst);
        task.task().with_attributes(|attributes| attributes.parent_death_signal = 0);
    }
    task.set_creds(new);
}

fn get(task: &CurrentTask, kind: Kind, which: fn(&Ids) -> u32) -> Result<u32, Errno> {
    let creds = task.creds();
    Ok(shown(creds, kind, which(&Ids::of(creds, kind))))
}

/// `getuid(2)`.
pub(crate) fn getuid(task: &mut CurrentTask) -> Result<u32, Errno> {
    get(task, Kind::User, |ids| ids.real)
}

/// `geteuid(2)`.
pub(crate) fn geteuid(task: &mut CurrentTask) -> Result<u32, Errno> {
    get(task, Kind::User, |ids| ids.effective)
}

/// `getgid(2)`.
pub(crate) fn getgid(task: &mut CurrentTask) -> Result<u32, Errno> {
    get(task, Kind::Group, |ids| ids.real)
}

/// `getegid(2)`.
pub(crate) fn getegid(task: &mut CurrentTask) -> Result<u32, Errno> {
    get(task, Kind::Group, |ids| ids.effective)
}

fn get_all(task: &CurrentTask, kind: Kind, to: [UserPtr<u32>; 3]) -> Result<(), Errno> {
    let creds = task.creds();
    let ids = Ids::of(creds, kind);
    for (to, id) in to.into_iter().zip([ids.real, ids.effective, ids.saved]) {
        to.give(&**task.mm(), &shown(creds, kind, id))?;
    }
    Ok(())
}

/// `getresuid(2)`.
pub(crate) fn getresuid(
    task: &mut CurrentTask,
    real: UserPtr<u32>,
    effective: UserPtr<u32>,
    saved: UserPtr<u32>,
) -> Result<(), Errno> {
    get_all(task, Kind::User, [real, effective, saved])
}

/// `getresgid(2)`.
pub(crate) fn getresgid(
    task: &mut CurrentTask,
    real: UserPtr<u32>,
    effective: UserPtr<u32>,
    saved: UserPtr<u32>,
) -> Result<(), Errno> {
    get_all(task, Kind::Group, [real, effective, saved])
}

fn set(task: &mut CurrentTask, kind: Kind, id: u32) -> Result<(), Errno> {
    let creds = task.creds();
    let new = rules::set_id(creds, kind, meant(creds, kind, id)?)?;
    install(task, new);
    Ok(())
}

/// `setuid(2)`.
pub(crate) fn setuid(task: &mut CurrentTask, id: u32) -> Result<(), Errno> {
    set(task, Kind::User, id)
}

/// `setgid(2)`.
pub(crate) fn setgid(task: &mut CurrentTask, id: u32) -> Result<(), Errno> {
    set(task, Kind::Group, id)
}

fn set_two(task: &mut CurrentTask, kind: Kind, real: u32, effective: u32) -> Result<(), Errno> {
    let creds = task.creds();
    let (real, effective) = (optional(creds, kind, real)?, optional(creds, kind, effective)?);
    let new = rules::set_real_effective(creds, kind, real, effective)?;
    install(task, new);
    Ok(())
}

/// `setreuid(2)`.
pub(crate) fn setreuid(task: &mut CurrentTask, real: u32, effective: u32) -> Result<(), Errno> {
    set_two(task, Kind::User, real, effective)
}

/// `setregid(2)`.
pub(crate) fn setregid(task: &mut CurrentTask, real: u32, effective: u32) -> Result<(), Errno> {
    set_two(task, Kind::Group, real, effective)
}

fn set_three(task: &mut CurrentTask, kind: Kind, ids: [u32; 3]) -> Result<(), Errno> {
    let creds = task.creds();
    let [real, effective, saved] = ids;
    let wanted = [optional(creds, kind, real)?, optional(creds, kind, effective)?, optional(creds, kind, saved)?];
    let new = rules::set_all(creds, kind, wanted)?;
    install(task, new);
    Ok(())
}

/// `setresuid(2)`.
pub(crate) fn setresuid(task: &mut CurrentTask, real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    set_three(task, Kind::User, [real, effective, saved])
}

/// `setresgid(2)`.
pub(crate) fn setresgid(task: &mut CurrentTask, real: u32, effective: u32, saved: u32) -> Result<(), Errno> {
    set_three(task, Kind::Group, [real, effective, saved])
}

/// The old id, whatever happens.
fn set_fs(task: &mut CurrentTask, kind: Kind, id: u32) -> u32 {
    let creds = task.creds();
    let old = shown(creds, kind, Ids::of(creds, kind).fs);
    let new = meant(creds, kind, id).ok().and_then(|id| rules::set_fs(creds, kind, id));
    if let Some(new) = new {
        install(task, new);
    }
    old
}

/// `setfsuid(2)`.
pub(crate) fn setfsuid(task: &mut CurrentTask, id: u32) -> Result<u32, Errno> {
    Ok(set_fs(task, Kind::User, id))
}

/// `setfsgid(2)`.
pub(crate) fn setfsgid(task: &mut CurrentTask, id: u32) -> Result<u32, Errno> {
    Ok(set_fs(task, Kind::Group, id))
}
