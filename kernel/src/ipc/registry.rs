//! Keys and ids of one kind of System V object.

use super::Perm;
use abi::Errno;
use abi::ipc::{IPC_CREAT, IPC_EXCL, IPC_PRIVATE};
use std::collections::BTreeMap;
use std::sync::Arc;
use sync::{Mutex, Rank};
use vfs::{Credentials, UserNamespace};

/// Bits of an id that are the place in the table; above them, how often places were given out.
const INDEX_BITS: u32 = 15;
const INDEX_MASK: i32 = (1 << INDEX_BITS) - 1;
/// Values of the upper part.
const SEQUENCES: i32 = 1 << 16;

/// What the kinds share.
pub trait Object: Send + Sync {
    /// Rights; a leaf lock.
    fn perm(&self) -> &Mutex<Perm>;
}

struct Table<T> {
    by_index: BTreeMap<i32, (i32, Arc<T>)>,
    by_key: BTreeMap<i32, i32>,
    last: i32,
    sequence: i32,
    /// Most objects.
    max: usize,
    /// The id that the next object is to have, or one near it.
    wish: Option<i32>,
}

/// The objects of one kind in a namespace.
pub struct Registry<T> {
    table: Mutex<Table<T>>,
}

/// A call of `semget`, `shmget` or `msgget`.
#[derive(Clone, Copy)]
pub struct Get<'a> {
    /// `IPC_PRIVATE` or the key.
    pub key: i32,
    /// `IPC_CREAT`, `IPC_EXCL` and the mode.
    pub flags: i32,
    /// Who asks.
    pub creds: &'a Credentials,
    /// The owner of the IPC namespace.
    pub ns: &'a Arc<UserNamespace>,
}

impl<T: Object> Registry<T> {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let table =
            Table { by_index: BTreeMap::new(), by_key: BTreeMap::new(), last: -1, sequence: 0, max, wish: None };
        Arc::new(Self { table: Mutex::new(Rank::Ipc, table) })
    }

    /// Finds or makes an object (`ipcget` of Linux): its id. `fits` checks one that exists, `make` gets the id of
    /// the new one and sees those that exist. `ENOENT`, `EEXIST`, `EACCES`, `ENOSPC`.
    pub fn get(
        &self,
        get: Get<'_>,
        fits: impl FnOnce(&T) -> Result<(), Errno>,
        make: impl FnOnce(i32, &mut dyn Iterator<Item = &T>) -> Result<T, Errno>,
    ) -> Result<i32, Errno> {
        let mut table = self.table.lock();
        if get.key != IPC_PRIVATE {
            let found = table.by_key.get(&get.key).and_then(|index| table.by_index.get(index));
            if let Some((id, object)) = found {
                if get.flags & IPC_CREAT != 0 && get.flags & IPC_EXCL != 0 {
                    return Err(Errno::EEXIST);
                }
                fits(object)?;
                object.perm().lock().check(get.creds, get.ns, get.flags as u32 & 0o777)?;
                return Ok(*id);
            }
            if get.flags & IPC_CREAT == 0 {
                return Err(Errno::ENOENT);
            }
        }
        let (index, id) = table.next_id()?;
        let object = make(id, &mut table.by_index.values().map(|(_, object)| &**object))?;
        table.by_index.insert(index, (id, Arc::new(object)));
        if get.key != IPC_PRIVATE {
            table.by_key.insert(get.key, index);
        }
        Ok(id)
    }

    /// The object of an id; `EINVAL`.
    pub fn find(&self, id: i32) -> Result<Arc<T>, Errno> {
        let table = self.table.lock();
        let (found, object) = table.by_index.get(&(id & INDEX_MASK)).ok_or(Errno::EINVAL)?;
        if *found == id { Ok(object.clone()) } else { Err(Errno::EINVAL) }
    }

    /// The object at a place of the table (`SEM_STAT` and its kin) with its id; `EINVAL`.
    pub fn at(&self, index: i32) -> Result<(i32, Arc<T>), Errno> {
        let table = self.table.lock();
        table.by_index.get(&index).map(|(id, object)| (*id, object.clone())).ok_or(Errno::EINVAL)
    }

    /// Takes an object out; it lives on with those who use it.
    pub fn remove(&self, id: i32) -> Option<Arc<T>> {
        let mut table = self.table.lock();
        let index = id & INDEX_MASK;
        if table.by_index.get(&index).is_none_or(|(found, _)| *found != id) {
            return None;
        }
        let (_, object) = table.by_index.remove(&index)?;
        let key = object.perm().lock().key;
        if table.by_key.get(&key) == Some(&index) {
            table.by_key.remove(&key);
        }
        Some(object)
    }

    /// Makes an object that is to go private: its key can be used again.
    pub fn forget_key(&self, id: i32) {
        self.table.lock().by_key.retain(|_, index| *index != id & INDEX_MASK);
    }

    /// Most objects.
    pub fn max(&self) -> usize {
        self.table.lock().max
    }

    /// Sets [`Self::max`]. False: there are not so many places.
    pub fn set_max(&self, max: u64) -> bool {
        let max = usize::try_from(max).ok().filter(|&max| max <= INDEX_MASK as usize + 1);
        if let Some(max) = max {
            self.table.lock().max = max;
        }
        max.is_some()
    }

    /// The id that the next object is to have: /proc/sys/kernel/msg_next_id and its kin.
    pub fn wish(&self) -> Option<i32> {
        self.table.lock().wish
    }

    /// Sets [`Self::wish`].
    pub fn set_wish(&self, wish: Option<i32>) {
        self.table.lock().wish = wish;
    }

    /// Highest place in use: what the INFO commands return; 0 when there is none.
    pub fn last_index(&self) -> i32 {
        self.table.lock().by_index.keys().next_back().copied().unwrap_or(0)
    }

    /// All, by place, with their ids.
    pub fn all(&self) -> Vec<(i32, Arc<T>)> {
        self.table.lock().by_index.values().cloned().collect()
    }
}

impl<T> Table<T> {
    /// The next free place after the last one given out, and the id there; `ENOSPC`.
    fn next_id(&mut self) -> Result<(i32, i32), Errno> {
        if self.by_index.len() >= self.max {
            return Err(Errno::ENOSPC);
        }
        if let Some(wish) = self.wish.take() {
            let free = (wish & INDEX_MASK..=INDEX_MASK).find(|index| !self.by_index.contains_key(index));
            let index = free.ok_or(Errno::ENOSPC)?;
            return Ok((index, wish & !INDEX_MASK | index));
        }
        let size = INDEX_MASK + 1;
        let mut index = (self.last + 1) % size;
        while self.by_index.contains_key(&index) {
            index = (index + 1) % size;
        }
        if index <= self.last {
            self.sequence = (self.sequence + 1) % SEQUENCES;
        }
        self.last = index;
        Ok((index, self.sequence << INDEX_BITS & i32::MAX | index))
    }
}
