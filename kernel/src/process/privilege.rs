//! Rights of a program: set-uid, set-gid, file capabilities (`execve(2)`, `capabilities(7)`).

use abi::Errno;
use abi::mount::MountFlags;
use vfs::{Caller, Capability, Credentials, FileCapabilities, FsContext, OpenFile};

/// `SECBIT_NOROOT` of `capabilities(7)`.
const NOROOT: u32 = 1;
/// `SECBIT_KEEP_CAPS`.
const KEEP_CAPS: u32 = 1 << 4;

/// Rights of a task after it executes a program.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    /// Identity and rights.
    pub(crate) creds: Credentials,
    /// The program is to be careful: `AT_SECURE`.
    pub(crate) is_secure: bool,
    /// Others of the same user may look into it.
    pub(crate) is_dumpable: bool,
}

/// What keeps a program from rights.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// `no_new_privs`.
    pub(crate) no_new_privs: bool,
    /// A tracer without rights over the program must not get at more rights than it has.
    pub(crate) is_confined: bool,
}

/// What executing `file` gives the caller. `EPERM` for a program that counts on capabilities that it cannot have.
pub(crate) fn after_exec(caller: &Caller, fs: &FsContext, limits: Limits, file: &OpenFile) -> Result<Granted, Errno> {
    let old = &*caller.creds;
    let mut new = old.clone();
    let mut given = None;
    let place = file.place();
    let inode = place.inode();
    // Mounts of other namespaces are other people's.
    if !place.has_flag(MountFlags::NOSUID) && fs.namespace().contains(&place.mount) {
        if let Ok(attr) = inode.and_then(|inode| inode.attr())
            && !limits.no_new_privs
            && new.user_ns.kernel_ids_are_known(attr.uid, attr.gid)
        {
            if attr.mode & 0o4000 != 0 {
                new.euid = attr.uid;
            }
            if attr.mode & 0o2010 == 0o2010 {
                new.egid = attr.gid;
            }
        }
        let value = inode.and_then(|inode| inode.xattr(caller, b"security.capability")).ok();
        given = value.and_then(|value| FileCapabilities::of(&value, old));
    }
    let is_readable = inode.is_ok_and(|inode| inode.permission(caller, 4).is_ok());
    let is_secure = compute(old, &mut new, given, limits)?;
    let is_dumpable = is_readable && old.euid == old.uid && old.egid == old.gid && !changes(old, &new);
    Ok(Granted { creds: new, is_secure, is_dumpable })
}

/// The task is somebody else now, or may do more.
fn changes(old: &Credentials, new: &Credentials) -> bool {
    let ids = |creds: &Credentials| (creds.euid, creds.egid, creds.fsuid, creds.fsgid);
    ids(old) != ids(new) || !new.is_subset_of(old)
}

/// The new capability sets ("Transformation of capabilities during execve()"), of credentials that have their new
/// effective ids already. True: the program is to be careful.
fn compute(
    old: &Credentials,
    new: &mut Credentials,
    given: Option<FileCapabilities>,
    limits: Limits,
) -> Result<bool, Errno> {
    let root = new.user_ns.kernel_uid(0);
    let file = given.unwrap_or_default();
    let mut is_effective = file.is_effective;
    new.permitted = (new.inheritable & file.inheritable) | (file.permitted & new.bounding);
    if is_effective && file.permitted & !new.permitted != 0 {
        return Err(Errno::EPERM);
    }
    let is_root = |id: u32| root == Some(id);
    let is_mixed = given.is_some() && !is_root(new.uid) && is_root(new.euid);
    if new.securebits & NOROOT == 0 && !is_mixed {
        if is_root(new.uid) || is_root(new.euid) {
            new.permitted = new.bounding | new.inheritable;
        }
        is_effective |= is_root(new.euid);
    }
    let is_set_id = new.euid != old.uid || new.egid != old.gid;
    let gains = is_set_id || new.permitted & !old.permitted != 0;
    if gains && (limits.no_new_privs || limits.is_confined) {
        if limits.no_new_privs || !old.has(Capability::Setuid) {
            (new.euid, new.egid) = (new.uid, new.gid);
        }
        new.permitted &= old.permitted;
    }
    if given.is_some() || is_set_id {
        new.ambient = 0;
    }
    new.permitted = (new.permitted | new.ambient) & Capability::ALL;
    new.effective = if is_effective { new.permitted } else { new.ambient };
    new.securebits &= !KEEP_CAPS;
    (new.suid, new.fsuid) = (new.euid, new.euid);
    (new.sgid, new.fsgid) = (new.egid, new.egid);
    let has_grown = new.permitted & !new.ambient != 0;
    Ok(is_set_id || (!is_root(new.uid) && (is_effective || has_grown)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vfs::UserNamespace;

    fn exec(old: &Credentials, given: Option<FileCapabilities>, no_new_privs: bool) -> (Credentials, bool) {
        let mut new = old.clone();
        let limits = Limits { no_new_privs, is_confined: false };
        let is_secure = compute(old, &mut new, given, limits).expect("may be executed");
        (new, is_secure)
    }

    #[test]
    fn sets() {
        let root = Credentials::root(UserNamespace::root());
        let (creds, is_secure) = exec(&root, None, false);
        assert_eq!((creds.permitted, creds.effective, is_secure), (Capability::ALL, Capability::ALL, false));
        let user = Credentials { uid: 5, euid: 5, ..root.clone() };
        let (creds, is_secure) = exec(&user, None, false);
        assert_eq!((creds.permitted, creds.effective, creds.suid, is_secure), (0, 0, 5, false));
        let ambient = Credentials { uid: 5, euid: 5, ambient: 4, inheritable: 4, ..root };
        let (creds, is_secure) = exec(&ambient, None, false);
        assert_eq!((creds.permitted, creds.effective, is_secure), (4, 4, false));
        let (creds, _) = exec(&ambient, Some(FileCapabilities::default()), false);
        assert_eq!((creds.permitted, creds.ambient), (0, 0));
    }

    #[test]
    fn files_give() {
        let root = Credentials::root(UserNamespace::root());
        let user = Credentials { uid: 5, euid: 5, permitted: 0, effective: 0, ..root.clone() };
        let file = FileCapabilities { permitted: 8, inheritable: 0, is_effective: true, root: 0 };
        let (creds, is_secure) = exec(&user, Some(file), false);
        assert_eq!((creds.permitted, creds.effective, is_secure), (8, 8, true));
        let (creds, _) = exec(&user, Some(file), true);
        assert_eq!((creds.permitted, creds.effective), (0, 0));
        let bounded = Credentials { bounding: 0, ..user };
        assert_eq!(compute(&bounded, &mut bounded.clone(), Some(file), Limits::default()), Err(Errno::EPERM));
    }

    #[test]
    fn no_root() {
        let root = Credentials { securebits: NOROOT, ..Credentials::root(UserNamespace::root()) };
        let (creds, _) = exec(&root, None, false);
        assert_eq!((creds.permitted, creds.effective), (0, 0));
    }
}
