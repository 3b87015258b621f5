//! The machine: `uname(2)`, `sethostname(2)`, `sysinfo(2)`, `getrandom(2)`, `personality(2)`, `syslog(2)`.

use abi::Errno;
use abi::sysinfo::{Sysinfo, Utsname};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory, UserPtr};
use rustix::rand::GetRandomFlags;
use sync::Fail;
use vfs::Capability;

/// Bytes of a name without its end.
const NAME_MAX: usize = 64;

fn field(text: &[u8]) -> [u8; NAME_MAX + 1] {
    let mut field = [0; NAME_MAX + 1];
    for (to, &from) in field.iter_mut().take(NAME_MAX).zip(text) {
        *to = from;
    }
    field
}

/// `uname(2)`.
pub(crate) fn uname(task: &mut CurrentTask, to: UserPtr<Utsname>) -> Result<(), Errno> {
    let uts = task.task().attributes().namespaces.uts;
    let names = Utsname {
        sysname: field(b"Linux"),
        nodename: field(&uts.hostname()),
        release: field(kernel::RELEASE.as_bytes()),
        version: field(kernel::VERSION.as_bytes()),
        machine: field(b"x86_64"),
        domainname: field(&uts.domainname()),
    };
    to.give(&**task.mm(), &names)
}

/// A new name of the machine. `EPERM`, `EINVAL`, `EFAULT`.
fn read_name(task: &CurrentTask, name: UserAddr, len: i32) -> Result<Vec<u8>, Errno> {
    let uts = task.task().attributes().namespaces.uts;
    if !task.creds().has_in(&uts.owner, Capability::SysAdmin) {
        return Err(Errno::EPERM);
    }
    let len = usize::try_from(len).ok().filter(|&len| len <= NAME_MAX).ok_or(Errno::EINVAL)?;
    let mut bytes = vec![0; len];
    task.mm().read(name, &mut bytes)?;
    // A name ends where a string ends.
    bytes.truncate(bytes.iter().position(|&byte| byte == 0).unwrap_or(len));
    Ok(bytes)
}

/// `sethostname(2)`.
pub(crate) fn sethostname(task: &mut CurrentTask, name: UserAddr, len: i32) -> Result<(), Errno> {
    let name = read_name(task, name, len)?;
    task.task().attributes().namespaces.uts.set_hostname(name);
    Ok(())
}

/// `setdomainname(2)`.
pub(crate) fn setdomainname(task: &mut CurrentTask, name: UserAddr, len: i32) -> Result<(), Errno> {
    let name = read_name(task, name, len)?;
    task.task().attributes().namespaces.uts.set_domainname(name);
    Ok(())
}

/// `sysinfo(2)`: memory is what the container may have, of which what the host has left is free; processes are its own.
pub(crate) fn sysinfo(task: &mut CurrentTask, to: UserPtr<Sysinfo>) -> Result<(), Errno> {
    let host_has = rustix::system::sysinfo();
    let unit = u64::from(host_has.mem_unit.max(1));
    let total = host::file::total_memory().min(task.group().container().memory()) / unit;
    let uptime = task.task().clock_offsets().shown(sync::Clock::Boottime, task.kernel().uptime());
    let value = Sysinfo {
        // Rounded up: what /proc/uptime shows is never later.
        uptime: uptime.as_secs() as i64 + i64::from(uptime.subsec_nanos() > 0),
        totalram: total,
        freeram: host_has.freeram.min(total),
        sharedram: host_has.sharedram.min(total),
        bufferram: host_has.bufferram.min(total),
        procs: task.kernel().tree().thread_count().min(usize::from(u16::MAX)) as u16,
        mem_unit: host_has.mem_unit,
        ..Sysinfo::default()
    };
    to.give(&**task.mm(), &value)
}

const GRND_NONBLOCK: u32 = 1;
const GRND_RANDOM: u32 = 2;
const GRND_INSECURE: u32 = 4;

/// `getrandom(2)`: bytes of the host's generator.
pub(crate) fn getrandom(task: &mut CurrentTask, to: UserAddr, len: usize, flags: u32) -> Result<usize, Fail> {
    let is_known = flags & !(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) == 0;
    if !is_known || flags & (GRND_RANDOM | GRND_INSECURE) == GRND_RANDOM | GRND_INSECURE {
        return Err(Errno::EINVAL.into());
    }
    let len = len.min(i32::MAX as usize);
    let mut done = 0;
    let mut buf = [0; 4096];
    while done < len {
        let want = buf.len().min(len - done);
        let got = rustix::rand::getrandom(&mut buf[..want], GetRandomFlags::empty())
            .map_err(|error| Errno(error.raw_os_error() as u16))?;
        let put = task.mm().write_some(UserAddr(to.0.wrapping_add(done as u64)), &buf[..got]);
        match put {
            Ok(put) => done += put,
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno.into()),
        }
        if put != Ok(got) || (task.task().word().is_interrupted() && done >= 256) {
            break;
        }
    }
    Ok(done)
}

/// `personality(2)`: the old one.
pub(crate) fn personality(task: &mut CurrentTask, new: u64) -> Result<u32, Errno> {
    Ok(task.task().with_attributes(|attributes| {
        let old = attributes.personality;
        if new != 0xffff_ffff {
            attributes.personality = new as u32;
        }
        old
    }))
}

/// Bytes that the kernel's log would hold.
const LOG_SIZE: i32 = 1 << 17;

/// `syslog(2)`: the log is empty, and only for those who may read it.
pub(crate) fn syslog(task: &mut CurrentTask, kind: i32, buf: UserAddr, len: i32) -> Result<i32, Errno> {
    if !(0..=10).contains(&kind) {
        return Err(Errno::EINVAL);
    }
    let creds = task.creds();
    if !creds.has_in_root(Capability::Syslog) && !creds.has_in_root(Capability::SysAdmin) {
        return Err(Errno::EPERM);
    }
    match kind {
        2..=4 if buf.is_null() || len < 0 => Err(Errno::EINVAL),
        8 if !(1..=8).contains(&len) => Err(Errno::EINVAL),
        10 => Ok(LOG_SIZE),
        _ => Ok(0),
    }
}
