//! Capabilities that files give: the attribute `security.capability`, `capabilities(7)`, "File capability extended
//! attribute versioning".

use crate::cred::{Capability, Credentials};
use crate::users::UserNamespace;
use abi::Errno;
use std::sync::Arc;

/// Name of the attribute.
pub(crate) const NAME: &[u8] = b"security.capability";

const REVISION: u32 = 0xff00_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const EFFECTIVE: u32 = 1;
/// Length of revision 2; a user id follows in revision 3.
const LEN_2: usize = 20;
const LEN_3: usize = 24;

/// Capabilities that a file gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCapabilities {
    /// Whatever the caller has, as far as the bounding set goes.
    pub permitted: u64,
    /// What the caller can inherit.
    pub inheritable: u64,
    /// They are effective at once.
    pub is_effective: bool,
    /// Kernel id of root of the user namespace that they count in, and in those below.
    pub root: u32,
}

/// `struct vfs_ns_cap_data`, revisions 2 and 3. What is stored names kernel ids.
fn parse(value: &[u8]) -> Option<FileCapabilities> {
    let word = |i: usize| Some(u32::from_le_bytes(value.get(4 * i..)?.first_chunk().copied()?));
    let magic = word(0)?;
    let root = match (magic & REVISION, value.len()) {
        (REVISION_2, LEN_2) => 0,
        (REVISION_3, LEN_3) => word(5)?,
        _ => return None,
    };
    let set = |low: usize| Some((u64::from(word(low)?) | u64::from(word(low + 2)?) << 32) & Capability::ALL);
    Some(FileCapabilities { permitted: set(1)?, inheritable: set(2)?, is_effective: magic & EFFECTIVE != 0, root })
}

/// `value` as revision 3, of the user namespace with this root, or as revision 2.
fn encode(value: &[u8], root: Option<u32>) -> Vec<u8> {
    let is_effective = value.first().is_some_and(|&byte| u32::from(byte) & EFFECTIVE != 0);
    let revision = if root.is_some() { REVISION_3 } else { REVISION_2 };
    let magic = revision | if is_effective { EFFECTIVE } else { 0 };
    let mut out = magic.to_le_bytes().to_vec();
    out.extend_from_slice(value.get(4..LEN_2).unwrap_or_default());
    out.extend(root.iter().flat_map(|root| root.to_le_bytes()));
    out
}

/// A kernel id is root's of the namespace or of one above it.
fn is_root_of(ns: &Arc<UserNamespace>, id: u32) -> bool {
    let mut at = Some(ns);
    while let Some(ns) = at {
        if ns.kernel_uid(0) == Some(id) {
            return true;
        }
        at = ns.parent.as_ref();
    }
    false
}

impl FileCapabilities {
    /// Those of a stored attribute that count for the holder of `creds`.
    pub fn of(value: &[u8], creds: &Credentials) -> Option<Self> {
        parse(value).filter(|caps| is_root_of(&creds.user_ns, caps.root))
    }
}

/// The attribute as it is stored: who may only write for its own user namespace does so. `EINVAL`.
pub(crate) fn stored(creds: &Credentials, value: &[u8]) -> Result<Vec<u8>, Errno> {
    parse(value).ok_or(Errno::EINVAL)?;
    if value.len() == LEN_2 && creds.has_in_root(Capability::Setfcap) {
        return Ok(value.to_vec());
    }
    let root = value.get(LEN_2..).and_then(|root| root.first_chunk()).map_or(0, |root| u32::from_le_bytes(*root));
    let root = creds.user_ns.kernel_uid(root).ok_or(Errno::EINVAL)?;
    Ok(encode(value, Some(root)))
}

/// A stored attribute as the reader's user namespace sees it. `EOVERFLOW` when it counts elsewhere.
pub(crate) fn shown(creds: &Credentials, value: &[u8]) -> Result<Vec<u8>, Errno> {
    let caps = parse(value).ok_or(Errno::EINVAL)?;
    match creds.user_ns.map_out(crate::users::IdKind::User, caps.root) {
        Some(root) if root != 0 => Ok(encode(value, Some(root))),
        _ if !is_root_of(&creds.user_ns, caps.root) => Err(Errno::EOVERFLOW),
        _ => Ok(encode(value, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::IdKind;

    fn value(root: Option<u32>) -> Vec<u8> {
        let mut value = vec![1, 0, 0, if root.is_some() { 3 } else { 2 }];
        value.extend([0, 0x20, 0, 0].iter().chain(&[0; 12]));
        value.extend(root.iter().flat_map(|root| root.to_le_bytes()));
        value
    }

    #[test]
    fn revisions() {
        let caps = parse(&value(None)).expect("revision 2");
        assert_eq!(caps, FileCapabilities { permitted: 1 << 13, inheritable: 0, is_effective: true, root: 0 });
        assert_eq!(parse(&value(Some(7))), Some(FileCapabilities { root: 7, ..caps }));
        assert_eq!(parse(&value(None)[..19]), None);
    }

    #[test]
    fn namespaces() {
        let outer = Credentials::root(UserNamespace::root());
        let ns = UserNamespace::child(&outer, 1).expect("not deep");
        ns.set_map(IdKind::User, vec![(0, 1000, 10)]).expect("empty");
        let inner = outer.entering(ns);
        assert_eq!(stored(&outer, &value(None)), Ok(value(None)));
        assert_eq!(stored(&inner, &value(None)), Ok(value(Some(1000))));
        assert_eq!(stored(&inner, &value(Some(5))), Ok(value(Some(1005))));
        assert_eq!(stored(&inner, &value(Some(10))), Err(Errno::EINVAL));
        assert_eq!(shown(&inner, &value(Some(1000))), Ok(value(None)));
        assert_eq!(shown(&inner, &value(Some(1005))), Ok(value(Some(5))));
        assert_eq!(shown(&inner, &value(Some(9))), Err(Errno::EOVERFLOW));
        assert_eq!(shown(&outer, &value(Some(1000))), Ok(value(Some(1000))));
        assert!(FileCapabilities::of(&value(None), &inner).is_some());
        assert!(FileCapabilities::of(&value(Some(1000)), &outer).is_none());
    }
}
