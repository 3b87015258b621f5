//! Socket addresses to and from the program.

use abi::Errno;
use abi::socket::ADDRESS_MAX;
use mm::{UserAddr, UserMemory, UserPtr};
use net::Address;

/// An address argument: `EINVAL` for a length out of bounds, `EFAULT`.
pub(super) fn read(memory: &dyn UserMemory, addr: UserAddr, len: i32) -> Result<Address, Errno> {
    let len = usize::try_from(len).ok().filter(|&len| len <= ADDRESS_MAX).ok_or(Errno::EINVAL)?;
    let mut bytes = [0; ADDRESS_MAX];
    let bytes = bytes.get_mut(..len).unwrap_or_default();
    memory.read(addr, bytes)?;
    Ok(Address::new(bytes))
}

/// Stores an address, cut to the room that `*len` says, and its whole length in `*len`: `EINVAL`, `EFAULT`.
pub(super) fn write(memory: &dyn UserMemory, address: &[u8], addr: UserAddr, len: UserPtr<i32>) -> Result<(), Errno> {
    let room = usize::try_from(len.read(memory)?).map_err(|_| Errno::EINVAL)?;
    memory.write(addr, address.get(..room.min(address.len())).unwrap_or_default())?;
    len.write(memory, &(address.len() as i32))
}
