//! Loops that move bytes between files and guest memory.

use abi::Errno;
use mm::{Sink, Source};

/// Reads by calls of `at` until `dst` is full or the end is reached. An error after some bytes waits for
/// the next call.
pub(crate) fn read(
    dst: &mut dyn Sink,
    offset: &mut u64,
    mut at: impl FnMut(&mut [u8], u64) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut total = 0;
    loop {
        let room = dst.room();
        if room == 0 {
            return Ok(total);
        }
        let mut is_short = false;
        let step = dst.fill(room, &mut |buf| {
            let got = at(buf, *offset)?;
            is_short = got < buf.len();
            Ok(got)
        });
        match step {
            Ok(done) => {
                *offset += done as u64;
                total += done;
                if done == 0 || is_short {
                    return Ok(total);
                }
            }
            Err(_) if total > 0 => return Ok(total),
            Err(errno) => return Err(errno),
        }
    }
}

/// Writes by calls of `at` until `src` is empty or a call takes less than it was given.
pub(crate) fn write(
    src: &mut dyn Source,
    offset: &mut u64,
    mut at: impl FnMut(&[u8], u64) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let mut total = 0;
    loop {
        let left = src.left();
        if left == 0 {
            return Ok(total);
        }
        let mut is_short = false;
        let step = src.drain(left, &mut |buf| {
            let put = at(buf, *offset)?;
            is_short = put < buf.len();
            Ok(put)
        });
        match step {
            Ok(done) => {
                *offset += done as u64;
                total += done;
                if done == 0 || is_short {
                    return Ok(total);
                }
            }
            Err(_) if total > 0 => return Ok(total),
            Err(errno) => return Err(errno),
        }
    }
}

/// Offset that `lseek(2)` asks for with `SEEK_SET`, `SEEK_CUR` or `SEEK_END`; `EINVAL`.
pub(crate) fn seek(
    whence: u32,
    offset: i64,
    current: u64,
    size: impl FnOnce() -> Result<u64, Errno>,
) -> Result<u64, Errno> {
    let base = match whence {
        0 => 0,
        1 => current,
        2 => size()?,
        _ => return Err(Errno::EINVAL),
    };
    let target = base.checked_add_signed(offset).ok_or(Errno::EINVAL)?;
    if i64::try_from(target).is_err() { Err(Errno::EINVAL) } else { Ok(target) }
}
