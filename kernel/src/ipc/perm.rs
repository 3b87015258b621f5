//! Rights to a System V object: `sysvipc(7)`.

use abi::Errno;
use abi::ipc::IpcPerm;
use std::sync::Arc;
use vfs::{Capability, Credentials, UserNamespace};

/// Owner, maker and mode of an object. Ids are kernel ids.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names of sysvipc(7)")]
pub struct Perm {
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub mode: u32,
}

impl Perm {
    /// Of a new object.
    pub fn new(creds: &Credentials, key: i32, flags: i32) -> Self {
        let (uid, gid) = (creds.euid, creds.egid);
        Self { key, uid, gid, cuid: uid, cgid: gid, mode: flags as u32 & 0o777 }
    }

    /// May the caller do what `want` says: permission bits, in any of the three places? `EACCES`.
    pub fn check(&self, creds: &Credentials, ns: &Arc<UserNamespace>, want: u32) -> Result<(), Errno> {
        let want = ((want >> 6) | (want >> 3) | want) & 0o7;
        let granted = if creds.euid == self.cuid || creds.euid == self.uid {
            self.mode >> 6
        } else if creds.is_in_group(self.cgid) || creds.is_in_group(self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        if want & !granted == 0 || creds.has_in(ns, Capability::IpcOwner) { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// May the caller remove or change the object? `EPERM`.
    pub fn check_owner(&self, creds: &Credentials, ns: &Arc<UserNamespace>) -> Result<(), Errno> {
        let is_owner = creds.euid == self.cuid || creds.euid == self.uid;
        if is_owner || creds.has_in(ns, Capability::SysAdmin) { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// `IPC_SET`.
    pub const fn change(&mut self, uid: u32, gid: u32, mode: u32) {
        self.uid = uid;
        self.gid = gid;
        self.mode = self.mode & !0o777 | mode & 0o777;
    }

    /// As a program gets it; `seq` is the upper part of the object's id.
    pub fn to_abi(&self, id: i32) -> IpcPerm {
        IpcPerm {
            key: self.key,
            uid: self.uid,
            gid: self.gid,
            cuid: self.cuid,
            cgid: self.cgid,
            mode: self.mode,
            seq: (id >> 15) as u16,
            ..IpcPerm::default()
        }
    }
}
