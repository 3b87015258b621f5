//! Opening FIFOs: `fifo(7)`.

use crate::caller::Caller;
use crate::file::File;
use crate::inode::Inode;
use crate::pipe::PipeEnd;
use abi::Errno;
use abi::fs::OpenFlags;
use abi::poll::Events;
use std::sync::Arc;
use sync::Fail;

/// Opens a FIFO, or a pipe anew through /proc. Waits for a partner unless it is `O_NONBLOCK` or `O_RDWR`;
/// `ENXIO` for a writer that would not wait.
pub(crate) fn open(caller: &Caller, inode: &Arc<dyn Inode>, flags: OpenFlags) -> Result<Box<dyn File>, Fail> {
    let (is_reader, is_writer) = match flags.bits() & 3 {
        0 => (true, false),
        1 => (false, true),
        _ => (true, true),
    };
    let pipe = inode.attachments().fifo();
    let is_unnamed = inode.filesystem().type_name() == "pipefs";
    let ino = if is_unnamed { Some(inode.attr()?.ino) } else { None };
    let is_nonblock = flags.contains(OpenFlags::NONBLOCK);
    if is_writer && !is_reader && is_nonblock && !is_unnamed && pipe.partners().readers == 0 {
        return Err(Errno::ENXIO.into());
    }
    let (end, partners) = PipeEnd::open(pipe.clone(), is_reader, is_writer, ino);
    if is_unnamed || is_nonblock {
        return Ok(Box::new(end));
    }
    // A partner that came and went meanwhile counts too.
    if is_reader && !is_writer && partners.writers == 0 {
        let came = || (pipe.partners().writer_count != partners.writer_count).then_some(());
        caller.block(&pipe.queue, Events::IN, None, came)?;
    }
    if is_writer && !is_reader && partners.readers == 0 {
        let came = || (pipe.partners().reader_count != partners.reader_count).then_some(());
        caller.block(&pipe.queue, Events::OUT, None, came)?;
    }
    Ok(Box::new(end))
}
