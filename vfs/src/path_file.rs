//! What an `O_PATH` descriptor does: nothing.

use crate::caller::Caller;
use crate::file::File;
use abi::Errno;

/// The operations of an `O_PATH` descriptor; calls that would use them were refused with `EBADF`.
#[derive(Debug)]
pub(crate) struct PathFile;

impl File for PathFile {
    fn flush(&self, _caller: &Caller) -> Result<(), Errno> {
        Ok(())
    }
}
