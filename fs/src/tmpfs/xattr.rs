//! Extended attributes: `xattr(7)`.

use super::object::Object;
use abi::Errno;
use std::collections::BTreeMap;
use vfs::{Caller, Capability, XattrSet};

/// Longest list of names and longest value: `XATTR_LIST_MAX`, `XATTR_SIZE_MAX`.
const MAX: usize = 64 << 10;

/// Bytes of attributes that count as one inode.
const UNIT: usize = 1024;

/// Attributes of an object. Empty ones take no memory of their own.
#[derive(Debug, Default)]
pub(super) struct Xattrs(Option<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Xattrs {
    /// Inodes of the budget that they take.
    pub(super) fn units(&self) -> u64 {
        self.0.as_ref().map_or(0, |map| map.iter().map(|(name, value)| units(name, value)).sum())
    }
}

fn units(name: &[u8], value: &[u8]) -> u64 {
    (name.len() + value.len()).div_ceil(UNIT) as u64
}

/// `EOPNOTSUPP` for a namespace that tmpfs does not know.
fn check(name: &[u8]) -> Result<(), Errno> {
    let is_known = [b"user.".as_slice(), b"trusted.", b"security."].iter().any(|prefix| name.starts_with(prefix));
    if is_known { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
}

impl Object {
    pub(crate) fn xattr(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        check(name)?;
        let xattrs = self.xattrs.lock();
        xattrs.0.as_ref().and_then(|map| map.get(name)).cloned().ok_or(Errno::ENODATA)
    }

    /// Names as the caller may see them: `trusted.` is for `CAP_SYS_ADMIN`.
    pub(crate) fn xattr_names(&self, caller: &Caller) -> Vec<u8> {
        let sees_trusted = caller.creds.has_in_root(Capability::SysAdmin);
        let mut list = Vec::new();
        for name in self.xattrs.lock().0.iter().flat_map(|map| map.keys()) {
            if sees_trusted || !name.starts_with(b"trusted.") {
                list.extend_from_slice(name);
                list.push(0);
            }
        }
        list
    }

    pub(crate) fn set_xattr(&self, name: &[u8], value: &[u8], how: XattrSet) -> Result<(), Errno> {
        check(name)?;
        if value.len() > MAX {
            return Err(Errno::E2BIG);
        }
        {
            let mut xattrs = self.xattrs.lock();
            let old = xattrs.0.as_ref().and_then(|map| map.get(name));
            match (old.is_some(), how) {
                (true, XattrSet::Create) => return Err(Errno::EEXIST),
                (false, XattrSet::Replace) => return Err(Errno::ENODATA),
                _ => {}
            }
            let had = old.map_or(0, |old| units(name, old));
            let listed: usize = xattrs.0.iter().flat_map(|map| map.keys()).map(|name| name.len() + 1).sum();
            if had == 0 && listed + name.len() >= MAX {
                return Err(Errno::ENOSPC);
            }
            self.budget().take_inodes(units(name, value))?;
            self.budget().give_inodes(had);
            xattrs.0.get_or_insert_default().insert(name.to_vec(), value.to_vec());
        }
        self.touch_attr();
        Ok(())
    }

    pub(crate) fn remove_xattr(&self, name: &[u8]) -> Result<(), Errno> {
        check(name)?;
        {
            let mut xattrs = self.xattrs.lock();
            let value = xattrs.0.as_mut().and_then(|map| map.remove(name)).ok_or(Errno::ENODATA)?;
            self.budget().give_inodes(units(name, &value));
        }
        self.touch_attr();
        Ok(())
    }

    /// Takes over the attributes of another file, as far as tmpfs knows them.
    pub(crate) fn copy_xattrs(
        &self,
        names: &[u8],
        mut value: impl FnMut(&[u8]) -> Result<Vec<u8>, Errno>,
    ) -> Result<(), Errno> {
        for name in names.split(|&byte| byte == 0).filter(|name| check(name).is_ok()) {
            match value(name) {
                Ok(value) => self.set_xattr(name, &value, XattrSet::Any)?,
                // It went, or is not for us.
                Err(Errno::ENODATA | Errno::EPERM | Errno::EOPNOTSUPP) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}
