//! `random` and `urandom`: `random(4)`. The host's generator.

use abi::Errno;
use abi::fs::OpenFlags;
use mm::{Sink, Source, UserAddr, UserMemory, UserPtr};
use rustix::io::Errno as HostErrno;
use rustix::rand::{GetRandomFlags, getrandom};
use sync::Fail;
use vfs::{Caller, Capability, Device, File, Io, Opened, Place};

/// Bytes that one step makes: one page, after which signals are looked at.
const STEP: usize = 4096;
/// Bits of entropy that the pool is said to hold.
pub(crate) const ENTROPY_BITS: u32 = 256;

/// `RNDGETENTCNT`.
const RNDGETENTCNT: u32 = 0x8004_5200;
/// `RNDADDTOENTCNT`, `RNDADDENTROPY`, `RNDZAPENTCNT`, `RNDCLEARPOOL`, `RNDRESEEDCRNG`.
const ADMIN_COMMANDS: [u32; 5] = [0x4004_5201, 0x4008_5203, 0x5204, 0x5206, 0x5207];

/// Fills the buffer from the host's generator.
pub(crate) fn fill_random(buf: &mut [u8]) -> Result<(), Errno> {
    let mut done = 0;
    while done < buf.len() {
        match getrandom(&mut buf[done..], GetRandomFlags::empty()) {
            Ok(n) => done += n,
            Err(HostErrno::INTR) => {}
            Err(_) => return Err(Errno::EIO),
        }
    }
    Ok(())
}

/// Random bytes: character devices 1, 8 and 1, 9.
pub struct RandomDevice;

struct Random;

impl Device for RandomDevice {
    fn open(&self, _caller: &Caller, _place: &Place, _rdev: u64, _flags: OpenFlags) -> Result<Opened, Fail> {
        Ok(Opened::File(Box::new(Random)))
    }
}

impl File for Random {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        let mut done = 0;
        while dst.room() > 0 {
            match dst.fill(STEP, &mut |buf| fill_random(buf).map(|()| buf.len())) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
            if io.caller.word.is_interrupted() {
                break;
            }
        }
        Ok(done)
    }

    fn write(&self, io: &Io<'_>, src: &mut dyn Source, _offset: &mut u64) -> Result<usize, Fail> {
        // The host's pool needs no help; the bytes are read as Linux reads them and forgotten.
        let mut done = 0;
        let mut buf = [0; STEP];
        while src.left() > 0 && !(done > 0 && io.caller.word.is_interrupted()) {
            let want = src.left().min(STEP);
            match src.take(&mut buf[..want]) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn seek(&self, _io: &Io<'_>, _whence: u32, _offset: i64, _current: u64) -> Result<u64, Errno> {
        Ok(0)
    }

    fn ioctl(&self, io: &Io<'_>, command: u32, arg: u64, memory: &dyn UserMemory) -> Result<u64, Fail> {
        if command == RNDGETENTCNT {
            UserPtr::<u32>::new(UserAddr(arg)).write(memory, &ENTROPY_BITS)?;
            return Ok(0);
        }
        if ADMIN_COMMANDS.contains(&command) {
            let is_admin = io.caller.creds.has_in_root(Capability::SysAdmin);
            return if is_admin { Ok(0) } else { Err(Errno::EPERM.into()) };
        }
        Err(Errno::EINVAL.into())
    }
}
