//! `struct user` and `struct user_regs_struct`: registers by their offsets.

use crate::ptrace::Image;
use abi::Errno;
use abi::ptrace::{USER_DEBUG, USER_LEN};
use platform::Regs;
use std::mem::offset_of;
use zerocopy::IntoBytes;

/// Flags that a tracer may set: the user's, and NT.
const FLAGS: u64 = 0x0005_4dd5;
/// End of user addresses: bases lie below.
const TASK_SIZE: u64 = 0x7fff_ffff_f000;
/// Bytes of the general registers.
const REGS_LEN: u64 = size_of::<Regs>() as u64;
/// Offsets of the first selectors and of the last.
const DS: usize = offset_of!(Regs, ds);
const GS: usize = offset_of!(Regs, gs);
const CS: usize = offset_of!(Regs, cs);
const SS: usize = offset_of!(Regs, ss);
const EFLAGS: usize = offset_of!(Regs, eflags);
const FS_BASE: usize = offset_of!(Regs, fs_base);
const GS_BASE: usize = offset_of!(Regs, gs_base);

/// The user area of a stopped tracee, word by word.
pub struct User<'a>(&'a mut Image);

impl<'a> User<'a> {
    pub(crate) const fn new(image: &'a mut Image) -> Self {
        Self(image)
    }

    /// The word at an offset. `EIO`: there is none.
    pub fn read(&self, offset: u64) -> Result<u64, Errno> {
        check(offset)?;
        if offset < REGS_LEN {
            let bytes = self.0.regs.as_bytes();
            let word = bytes.get(offset as usize..offset as usize + 8).and_then(|word| word.try_into().ok());
            return Ok(word.map_or(0, u64::from_ne_bytes));
        }
        Ok(debug_register(offset).map_or(0, |register| self.0.debug.read(register)))
    }

    /// Sets the word at an offset. `EIO`: there is none, or not with this value; `EINVAL` of debug registers.
    pub fn write(&mut self, offset: u64, value: u64) -> Result<(), Errno> {
        check(offset)?;
        if offset < REGS_LEN {
            return write_reg(&mut self.0.regs, offset as usize, value);
        }
        self.0.debug.write(debug_register(offset).ok_or(Errno::EIO)?, value)
    }
}

const fn check(offset: u64) -> Result<(), Errno> {
    if offset < USER_LEN && offset.is_multiple_of(8) { Ok(()) } else { Err(Errno::EIO) }
}

fn debug_register(offset: u64) -> Option<usize> {
    let register = offset.checked_sub(USER_DEBUG)? / 8;
    (register < 8).then_some(register as usize)
}

/// As `putreg` of Linux.
fn write_reg(regs: &mut Regs, offset: usize, value: u64) -> Result<(), Errno> {
    let value = match offset {
        CS | SS if value == 0 => return Err(Errno::EIO),
        CS | SS | DS..=GS if value & 0xffff != 0 && value & 3 != 3 => return Err(Errno::EIO),
        CS | SS | DS..=GS => value & 0xffff,
        FS_BASE | GS_BASE if value >= TASK_SIZE => return Err(Errno::EIO),
        EFLAGS => regs.eflags & !FLAGS | value & FLAGS,
        _ => value,
    };
    if let Some(word) = regs.as_mut_bytes().get_mut(offset..offset + 8) {
        word.copy_from_slice(&value.to_ne_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let mut image = Image::default();
        let mut user = User::new(&mut image);
        assert_eq!(user.write(offset_of!(Regs, rip) as u64, 7), Ok(()));
        assert_eq!(user.read(offset_of!(Regs, rip) as u64), Ok(7));
        assert_eq!(user.write(EFLAGS as u64, !0), Ok(()));
        assert_eq!(user.read(EFLAGS as u64), Ok(FLAGS));
        assert_eq!(user.write(CS as u64, 0), Err(Errno::EIO));
        assert_eq!(user.write(CS as u64, 0x10), Err(Errno::EIO));
        assert_eq!(user.write(FS_BASE as u64, TASK_SIZE), Err(Errno::EIO));
        assert_eq!(user.write(4, 0), Err(Errno::EIO));
        assert_eq!(user.write(USER_LEN, 0), Err(Errno::EIO));
        assert_eq!(user.read(REGS_LEN), Ok(0));
        assert_eq!(user.write(REGS_LEN, 0), Err(Errno::EIO));
        assert_eq!(user.write(USER_DEBUG + 8, 64), Ok(()));
        assert_eq!(user.read(USER_DEBUG + 8), Ok(64));
        assert_eq!(image.debug.read(1), 64);
    }
}
