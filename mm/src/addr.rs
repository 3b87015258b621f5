//! Typed guest addresses.

use crate::memory::UserMemory;
use abi::Errno;
use core::fmt;
use core::marker::PhantomData;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// An address that the application gave. Says nothing of what is there.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserAddr(pub u64);

impl UserAddr {
    /// The null pointer.
    pub const NULL: Self = Self(0);

    /// The null pointer?
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// `bytes` further on, or `EFAULT`.
    pub fn offset(self, bytes: u64) -> Result<Self, Errno> {
        self.0.checked_add(bytes).map(Self).ok_or(Errno::EFAULT)
    }
}

impl fmt::Debug for UserAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A pointer to a `T` in guest memory.
pub struct UserPtr<T> {
    addr: UserAddr,
    _type: PhantomData<fn() -> T>,
}

impl<T> UserPtr<T> {
    /// A pointer at `addr`.
    pub const fn new(addr: UserAddr) -> Self {
        Self { addr, _type: PhantomData }
    }

    /// Where it points.
    pub const fn addr(self) -> UserAddr {
        self.addr
    }

    /// The null pointer?
    pub const fn is_null(self) -> bool {
        self.addr.is_null()
    }

    /// The pointer, or `None` for null: for arguments that may be left out.
    pub fn optional(self) -> Option<Self> {
        (!self.is_null()).then_some(self)
    }

    /// Pointer to element `index` of an array that starts here.
    pub fn at(self, index: usize) -> Result<Self, Errno> {
        let bytes = index.checked_mul(size_of::<T>()).ok_or(Errno::EFAULT)?;
        Ok(Self::new(self.addr.offset(bytes as u64)?))
    }
}

impl<T: FromBytes + IntoBytes + Immutable> UserPtr<T> {
    /// The value, copied out; `EFAULT`.
    pub fn read(self, memory: &dyn UserMemory) -> Result<T, Errno> {
        let mut value = T::new_zeroed();
        memory.read(self.addr, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Stores the value; `EFAULT`.
    pub fn write(self, memory: &dyn UserMemory, value: &T) -> Result<(), Errno> {
        memory.write(self.addr, value.as_bytes())
    }

    /// Gives the program the value when it goes on: for results that nobody else waits for; `EFAULT`.
    pub fn give(self, memory: &dyn UserMemory, value: &T) -> Result<(), Errno> {
        memory.give(self.addr, value.as_bytes())
    }

    /// An array of `len` values that starts here. The caller bounds `len`.
    pub fn read_array(self, memory: &dyn UserMemory, len: usize) -> Result<Vec<T>, Errno> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or(Errno::EFAULT)?;
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let mut values: Vec<T> = Vec::new();
        values.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
        values.resize_with(len, T::new_zeroed);
        memory.read(self.addr, values.as_mut_slice().as_mut_bytes())?;
        Ok(values)
    }
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> fmt::Debug for UserPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.addr.fmt(f)
    }
}

/// A range of guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserSlice {
    /// First byte.
    pub addr: UserAddr,
    /// Bytes.
    pub len: usize,
}

impl UserSlice {
    /// `len` bytes at `addr`.
    pub const fn new(addr: UserAddr, len: usize) -> Self {
        Self { addr, len }
    }
}

/// A string in guest memory that ends with a zero byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserStr(pub UserAddr);

/// Longest path with its zero byte: `PATH_MAX`.
const PATH_MAX: usize = 4096;

impl UserStr {
    /// A path: at most 4095 bytes; else `ENAMETOOLONG`.
    pub fn read_path(self, memory: &dyn UserMemory) -> Result<Vec<u8>, Errno> {
        self.read(memory, PATH_MAX)?.ok_or(Errno::ENAMETOOLONG)
    }

    /// The string without its end; `None` when `max` bytes hold no zero byte.
    pub fn read(self, memory: &dyn UserMemory, max: usize) -> Result<Option<Vec<u8>>, Errno> {
        memory.read_string(self.0, max)
    }
}
