//! Names of unix sockets: `unix(7)`, "Address format".

use super::endpoint::Endpoint;
use crate::address::{Address, family};
use abi::Errno;
use abi::socket::{AF_UNIX, UNIX_PATH_MAX};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};
use vfs::Place;

/// What a unix socket is bound to.
pub struct Name {
    /// As `getsockname(2)` gives it.
    pub address: Address,
    /// The socket's inode, which stays while the name is in use.
    pub(crate) place: Option<Place>,
}

impl Name {
    /// The bytes after the family: a path with its zero byte, or a zero byte and an abstract name.
    pub fn bytes(&self) -> &[u8] {
        self.address.as_bytes().get(2..).unwrap_or_default()
    }

    pub(crate) fn path(path: &[u8], place: Place) -> Arc<Self> {
        Arc::new(Self { address: address(&[path, b"\0"]), place: Some(place) })
    }

    fn abstract_name(name: &[u8]) -> Arc<Self> {
        Arc::new(Self { address: address(&[name]), place: None })
    }
}

/// An address of the family and these bytes.
fn address(parts: &[&[u8]]) -> Address {
    let mut bytes = AF_UNIX.to_ne_bytes().to_vec();
    bytes.extend(parts.iter().copied().flatten());
    Address::new(&bytes)
}

/// The address of a socket without a name.
pub(crate) fn unnamed() -> Address {
    address(&[])
}

/// What an address of a program names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// Nothing: only the family is there.
    Unnamed,
    /// A path.
    Path(&'a [u8]),
    /// An abstract name, its leading zero byte included.
    Abstract(&'a [u8]),
}

/// Takes an address apart: `EINVAL` for a wrong length or family.
pub(crate) fn parse(address: &[u8]) -> Result<Target<'_>, Errno> {
    if family(address) != Some(AF_UNIX) || address.len() > UNIX_PATH_MAX + 2 {
        return Err(Errno::EINVAL);
    }
    let bytes = address.get(2..).unwrap_or_default();
    Ok(match bytes.first() {
        None => Target::Unnamed,
        Some(0) => Target::Abstract(bytes),
        Some(_) => {
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            Target::Path(bytes.get(..end).unwrap_or_default())
        }
    })
}

#[derive(Default)]
struct Table {
    names: HashMap<Vec<u8>, Weak<Endpoint>>,
    next_auto: u32,
}

/// Abstract names of a network namespace.
pub(crate) struct Names {
    table: Mutex<Table>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { table: Mutex::new(Rank::Stack, Table::default()) }
    }

    /// Takes a name: `EADDRINUSE`.
    pub(crate) fn bind(&self, name: &[u8], endpoint: &Arc<Endpoint>) -> Result<Arc<Name>, Errno> {
        let mut table = self.table.lock();
        if table.names.get(name).is_some_and(|other| other.strong_count() > 0) {
            return Err(Errno::EADDRINUSE);
        }
        table.names.insert(name.to_vec(), Arc::downgrade(endpoint));
        Ok(Name::abstract_name(name))
    }

    /// Takes a free name of five hexadecimal digits: `unix(7)`, "Autobind feature". `ENOSPC`.
    pub(crate) fn bind_auto(&self, endpoint: &Arc<Endpoint>) -> Result<Arc<Name>, Errno> {
        for _ in 0..1u32 << 20 {
            let number = {
                let mut table = self.table.lock();
                table.next_auto = (table.next_auto + 1) & 0xf_ffff;
                table.next_auto
            };
            if let Ok(name) = self.bind(format!("\0{number:05x}").as_bytes(), endpoint) {
                return Ok(name);
            }
        }
        Err(Errno::ENOSPC)
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<Arc<Endpoint>> {
        self.table.lock().names.get(name)?.upgrade()
    }

    /// Gives the name back, when it is still the socket's.
    pub(crate) fn release(&self, name: &[u8], endpoint: &Endpoint) {
        let mut table = self.table.lock();
        if table.names.get(name).is_some_and(|other| std::ptr::eq(other.as_ptr(), endpoint)) {
            table.names.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_apart() {
        assert_eq!(parse(&[1, 0]), Ok(Target::Unnamed));
        assert_eq!(parse(b"\x01\0/tmp/x\0junk"), Ok(Target::Path(b"/tmp/x")));
        assert_eq!(parse(b"\x01\0\0ab\0"), Ok(Target::Abstract(b"\0ab\0")));
        assert_eq!(parse(b"\x01"), Err(Errno::EINVAL));
        assert_eq!(parse(b"\x02\0/tmp"), Err(Errno::EINVAL));
        assert_eq!(parse(&[1; 111]), Err(Errno::EINVAL));
    }
}
