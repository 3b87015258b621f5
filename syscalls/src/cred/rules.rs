//! What each change of ids and capabilities may do: pure functions over [`Credentials`].

use abi::Errno;
use abi::cred::{
    SECBIT_KEEP_CAPS, SECBIT_KEEP_CAPS_LOCKED, SECBIT_NO_CAP_AMBIENT_RAISE, SECBIT_NO_SETUID_FIXUP, SECURE_ALL_BITS,
    SECURE_ALL_LOCKS,
};
use vfs::{Capability, Credentials};

/// Capabilities that go with the file-system user id.
const FS_CAPS: u64 = Capability::Chown.bit()
    | Capability::DacOverride.bit()
    | Capability::DacReadSearch.bit()
    | Capability::Fowner.bit()
    | Capability::Fsetid.bit()
    | Capability::LinuxImmutable.bit()
    | Capability::Mknod.bit()
    | Capability::MacOverride.bit();

/// Which of the two families of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// User ids; changes have an effect on capabilities.
    User,
    /// Group ids.
    Group,
}

/// Real, effective, saved and file-system id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) real: u32,
    pub(crate) effective: u32,
    pub(crate) saved: u32,
    pub(crate) fs: u32,
}

impl Ids {
    /// Those of a task.
    pub(crate) const fn of(creds: &Credentials, kind: Kind) -> Self {
        match kind {
            Kind::User => Self { real: creds.uid, effective: creds.euid, saved: creds.suid, fs: creds.fsuid },
            Kind::Group => Self { real: creds.gid, effective: creds.egid, saved: creds.sgid, fs: creds.fsgid },
        }
    }

    const fn has(&self, id: u32) -> bool {
        id == self.real || id == self.effective || id == self.saved
    }
}

const fn right(kind: Kind) -> Capability {
    match kind {
        Kind::User => Capability::Setuid,
        Kind::Group => Capability::Setgid,
    }
}

/// New credentials with other ids. Capabilities follow: "Effect of user ID changes on capabilities".
fn with_ids(creds: &Credentials, kind: Kind, new: Ids) -> Credentials {
    let mut changed = creds.clone();
    match kind {
        Kind::Group => {
            (changed.gid, changed.egid, changed.sgid, changed.fsgid) = (new.real, new.effective, new.saved, new.fs);
        }
        Kind::User => {
            (changed.uid, changed.euid, changed.suid, changed.fsuid) = (new.real, new.effective, new.saved, new.fs);
            if changed.securebits & SECBIT_NO_SETUID_FIXUP == 0 {
                follow_user(creds, &mut changed);
            }
        }
    }
    changed
}

/// Root is user 0 of the task's user namespace.
fn root(creds: &Credentials) -> Option<u32> {
    creds.user_ns.kernel_uid(0)
}

fn follow_user(old: &Credentials, new: &mut Credentials) {
    let Some(root) = root(old) else { return };
    let had_root = [old.uid, old.euid, old.suid].contains(&root);
    let has_root = [new.uid, new.euid, new.suid].contains(&root);
    if had_root && !has_root {
        if new.securebits & SECBIT_KEEP_CAPS == 0 {
            new.permitted = 0;
            new.effective = 0;
        }
        // Ambient ones go either way: they would pass execve.
        new.ambient = 0;
    }
    if old.euid == root && new.euid != root {
        new.effective = 0;
    }
    if old.euid != root && new.euid == root {
        new.effective = new.permitted;
    }
}

/// `setuid(2)`, `setgid(2)`.
pub(crate) fn set_id(creds: &Credentials, kind: Kind, id: u32) -> Result<Credentials, Errno> {
    let old = Ids::of(creds, kind);
    let new = if creds.has(right(kind)) {
        Ids { real: id, effective: id, saved: id, fs: id }
    } else if id == old.real || id == old.saved {
        Ids { effective: id, fs: id, ..old }
    } else {
        return Err(Errno::EPERM);
    };
    Ok(with_ids(creds, kind, new))
}

/// `setreuid(2)`, `setregid(2)`; `None` leaves one as it is.
pub(crate) fn set_real_effective(
    creds: &Credentials,
    kind: Kind,
    real: Option<u32>,
    effective: Option<u32>,
) -> Result<Credentials, Errno> {
    let old = Ids::of(creds, kind);
    let may_any = creds.has(right(kind));
    let mut new = old;
    if let Some(real) = real {
        if !may_any && real != old.real && real != old.effective {
            return Err(Errno::EPERM);
        }
        new.real = real;
    }
    if let Some(effective) = effective {
        if !may_any && !old.has(effective) {
            return Err(Errno::EPERM);
        }
        new.effective = effective;
    }
    if real.is_some() || effective.is_some_and(|effective| effective != old.real) {
        new.saved = new.effective;
    }
    new.fs = new.effective;
    Ok(with_ids(creds, kind, new))
}

/// `setresuid(2)`, `setresgid(2)`; `None` leaves one as it is.
pub(crate) fn set_all(creds: &Credentials, kind: Kind, wanted: [Option<u32>; 3]) -> Result<Credentials, Errno> {
    let old = Ids::of(creds, kind);
    if !creds.has(right(kind)) && wanted.iter().flatten().any(|&id| !old.has(id)) {
        return Err(Errno::EPERM);
    }
    let [real, effective, saved] = wanted;
    let effective = effective.unwrap_or(old.effective);
    // The file-system id follows the effective one also when that is not named.
    let (real, saved) = (real.unwrap_or(old.real), saved.unwrap_or(old.saved));
    Ok(with_ids(creds, kind, Ids { real, effective, saved, fs: effective }))
}

/// `setfsuid(2)`, `setfsgid(2)`: `None` when it is not allowed.
pub(crate) fn set_fs(creds: &Credentials, kind: Kind, id: u32) -> Option<Credentials> {
    let old = Ids::of(creds, kind);
    if !creds.has(right(kind)) && !old.has(id) && id != old.fs {
        return None;
    }
    let mut new = creds.clone();
    match kind {
        Kind::Group => new.fsgid = id,
        Kind::User => {
            new.fsuid = id;
            if let Some(root) = root(creds).filter(|_| creds.securebits & SECBIT_NO_SETUID_FIXUP == 0) {
                if old.fs == root && id != root {
                    new.effective &= !FS_CAPS;
                }
                if old.fs != root && id == root {
                    new.effective |= new.permitted & FS_CAPS;
                }
            }
        }
    }
    Some(new)
}

/// `capset(2)`: `EPERM` for what the man page's rules refuse.
pub(crate) fn set_caps(
    creds: &Credentials,
    effective: u64,
    permitted: u64,
    inheritable: u64,
) -> Result<Credentials, Errno> {
    let known = |set: u64| set & Capability::ALL;
    let (effective, permitted, inheritable) = (known(effective), known(permitted), known(inheritable));
    let may_inherit = if creds.has(Capability::Setpcap) { u64::MAX } else { creds.inheritable | creds.permitted };
    let is_allowed = inheritable & !may_inherit == 0
        && inheritable & !(creds.inheritable | creds.bounding) == 0
        && permitted & !creds.permitted == 0
        && effective & !permitted == 0;
    if !is_allowed {
        return Err(Errno::EPERM);
    }
    let ambient = creds.ambient & permitted & inheritable;
    Ok(Credentials { effective, permitted, inheritable, ambient, ..creds.clone() })
}

/// `PR_SET_SECUREBITS`: `EPERM`.
pub(crate) fn set_securebits(creds: &Credentials, bits: u32) -> Result<Credentials, Errno> {
    let old = creds.securebits;
    let locks = old & SECURE_ALL_LOCKS;
    let changed = old ^ bits;
    let is_refused = (locks >> 1) & changed != 0
        || locks & !bits != 0
        || bits & !(SECURE_ALL_BITS | SECURE_ALL_LOCKS) != 0
        || !creds.has(Capability::Setpcap);
    if is_refused { Err(Errno::EPERM) } else { Ok(Credentials { securebits: bits, ..creds.clone() }) }
}

/// `PR_SET_KEEPCAPS`: `EPERM`.
pub(crate) fn set_keep_caps(creds: &Credentials, keep: bool) -> Result<Credentials, Errno> {
    if creds.securebits & SECBIT_KEEP_CAPS_LOCKED != 0 {
        return Err(Errno::EPERM);
    }
    let securebits = if keep { creds.securebits | SECBIT_KEEP_CAPS } else { creds.securebits & !SECBIT_KEEP_CAPS };
    Ok(Credentials { securebits, ..creds.clone() })
}

/// `PR_CAPBSET_DROP`: `EPERM`.
pub(crate) fn drop_bounding(creds: &Credentials, bit: u64) -> Result<Credentials, Errno> {
    if !creds.has(Capability::Setpcap) {
        return Err(Errno::EPERM);
    }
    Ok(Credentials { bounding: creds.bounding & !bit, ..creds.clone() })
}

/// `PR_CAP_AMBIENT_RAISE` and `_LOWER`: `EPERM`.
pub(crate) fn set_ambient(creds: &Credentials, bit: u64, raise: bool) -> Result<Credentials, Errno> {
    if !raise {
        return Ok(Credentials { ambient: creds.ambient & !bit, ..creds.clone() });
    }
    let may_raise =
        creds.permitted & creds.inheritable & bit != 0 && creds.securebits & SECBIT_NO_CAP_AMBIENT_RAISE == 0;
    if !may_raise {
        return Err(Errno::EPERM);
    }
    Ok(Credentials { ambient: creds.ambient | bit, ..creds.clone() })
}
