//! Rights of a program: set-uid, set-gid, file capabilities (`execve(2)`, `capabilities(7)`).

use abi::mount::MountFlags;
use vfs::{Caller, Capability, Credentials, OpenFile};

/// `SECBIT_NOROOT` of `capabilities(7)`.
const NOROOT: u32 = 1;
/// `SECBIT_KEEP_CAPS`.
const KEEP_CAPS: u32 = 1 << 4;

/// Capabilities that a file gives: the attribute `security.capability`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FileCapabilities {
    permitted: u64,
    inheritable: u64,
    effective: bool,
}

/// Credentials of a task after it executes `file`, and whether the program is to be careful (`AT_SECURE`).
/// `is_confined`: a tracer without rights over it must not get at more rights than it has.
pub(crate) fn after_exec(
    caller: &Caller,
    no_new_privs: bool,
    is_confined: bool,
    file: &OpenFile,
) -> (Credentials, bool) {
    let old = &caller.creds;
    let mut new = Credentials::clone(old);
    let mut given = None;
    let place = file.place();
    if !no_new_privs && !place.has_flag(MountFlags::NOSUID) {
        if let Ok(attr) = place.inode().and_then(|inode| inode.attr()) {
            if attr.mode & 0o4000 != 0 {
                new.euid = attr.uid;
            }
            if attr.mode & 0o2010 == 0o2010 {
                new.egid = attr.gid;
            }
        }
        if old.uid != 0 {
            given = place.inode().and_then(|inode| inode.xattr(caller, b"security.capability")).ok();
        }
    }
    let given = given.and_then(|value| parse(&value));
    let mut is_set_id = new.euid != old.uid || new.egid != old.gid;
    if given.is_some() || new.euid != old.euid || new.egid != old.egid {
        new.ambient = 0;
    }
    compute(&mut new, given);
    let gains = new.permitted & !old.permitted != 0;
    if is_confined && (is_set_id || gains) {
        if !old.has(Capability::Setuid) {
            (new.euid, new.suid, new.fsuid) = (new.uid, new.uid, new.uid);
            (new.egid, new.sgid, new.fsgid) = (new.gid, new.gid, new.gid);
            is_set_id = false;
        }
        new.permitted &= old.permitted;
        new.effective &= new.permitted;
    }
    let gained = new.effective & !new.ambient != 0 || new.permitted & !new.ambient & !old.permitted != 0;
    let is_secure = is_set_id || (new.uid != 0 && given.is_some() && gained);
    (new, is_secure)
}

/// The new capability sets: "Transformation of capabilities during execve()".
fn compute(new: &mut Credentials, given: Option<FileCapabilities>) {
    let mut file = given.unwrap_or_default();
    if new.securebits & NOROOT == 0 && (new.uid == 0 || new.euid == 0) && given.is_none() {
        file = FileCapabilities { permitted: u64::MAX, inheritable: u64::MAX, effective: new.euid == 0 };
    }
    new.permitted = (new.inheritable & file.inheritable) | (file.permitted & new.bounding) | new.ambient;
    new.effective = if file.effective { new.permitted } else { new.ambient };
    new.permitted &= Capability::ALL;
    new.effective &= Capability::ALL;
    new.securebits &= !KEEP_CAPS;
    (new.suid, new.fsuid) = (new.euid, new.euid);
    (new.sgid, new.fsgid) = (new.egid, new.egid);
}

/// `struct vfs_cap_data`, revisions 2 and 3.
fn parse(value: &[u8]) -> Option<FileCapabilities> {
    let word = |i: usize| Some(u32::from_le_bytes(value.get(4 * i..4 * i + 4)?.try_into().ok()?));
    let magic = word(0)?;
    let is_known = matches!((magic & 0xff00_0000, value.len()), (0x0200_0000, 20) | (0x0300_0000, 24));
    // Revision 3 names the root of a namespace; only that of ours counts.
    if !is_known || (value.len() == 24 && word(5)? != 0) {
        return None;
    }
    let set = |low: usize| Some(u64::from(word(low)?) | u64::from(word(low + 2)?) << 32);
    Some(FileCapabilities { permitted: set(1)?, inheritable: set(2)?, effective: magic & 1 != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vfs::UserNamespace;

    #[test]
    fn attribute() {
        let mut value = vec![1, 0, 0, 2];
        value.extend([0, 0x20, 0, 0].iter().chain(&[0; 12]));
        let caps = parse(&value).expect("revision 2");
        assert_eq!(caps, FileCapabilities { permitted: 1 << 13, inheritable: 0, effective: true });
        assert_eq!(parse(&value[..19]), None);
    }

    #[test]
    fn sets() {
        let root = Credentials::root(UserNamespace::root());
        let mut creds = root.clone();
        compute(&mut creds, None);
        assert_eq!((creds.permitted, creds.effective), (Capability::ALL, Capability::ALL));
        let mut user = Credentials { uid: 5, euid: 5, ..root.clone() };
        compute(&mut user, None);
        assert_eq!((user.permitted, user.effective, user.suid), (0, 0, 5));
        let mut ambient = Credentials { uid: 5, euid: 5, ambient: 4, inheritable: 4, ..root };
        compute(&mut ambient, None);
        assert_eq!((ambient.permitted, ambient.effective), (4, 4));
    }
}
