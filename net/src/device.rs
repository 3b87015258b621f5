//! Network devices and the `ioctl(2)` commands that ask for them: `netdevice(7)`.

use crate::namespace::NetNamespace;
use abi::Errno;
use abi::inet::SockaddrIn;
use abi::socket::{AF_INET, Ifconf, Ifreq, ioctl};
use mm::{UserAddr, UserMemory, UserPtr};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use vfs::Capability;
use zerocopy::IntoBytes;

/// `IFF_UP`, `IFF_LOOPBACK`, `IFF_RUNNING` and what `rtnetlink(7)` shows beside them.
pub(crate) const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;
const IFF_RUNNING: u32 = 0x40;
/// `IFF_LOWER_UP`: only netlink shows it.
pub(crate) const IFF_LOWER_UP: u32 = 0x1_0000;
/// `ARPHRD_LOOPBACK`.
pub(crate) const ARPHRD_LOOPBACK: u16 = 772;

/// A network device.
#[derive(Debug)]
pub struct Device {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: &'static str,
    /// Largest packet.
    pub mtu: u32,
    flags: AtomicU32,
    /// It has 127.0.0.1; ::1 it has while it is up.
    has_v4: AtomicBool,
    /// It has had it once. Before that nobody asks whether an IPv4 address is there.
    had_v4: AtomicBool,
}

impl Device {
    /// The loopback device, down and without an address.
    pub(crate) const fn loopback() -> Self {
        let flags = AtomicU32::new(IFF_LOOPBACK);
        let (has_v4, had_v4) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { index: 1, name: "lo", mtu: 65536, flags, has_v4, had_v4 }
    }

    /// `IFF_*` of `netdevice(7)`.
    pub fn flags(&self) -> u32 {
        self.flags.load(SeqCst)
    }

    /// `IFF_UP`.
    pub fn is_up(&self) -> bool {
        self.flags() & IFF_UP != 0
    }

    /// Brings it up, where it gets the address that it has by nature, or down, where it keeps that.
    pub(crate) fn set_up(&self, is_up: bool) {
        if is_up {
            self.set_v4(true);
            self.flags.fetch_or(IFF_UP | IFF_RUNNING, SeqCst);
        } else {
            self.flags.fetch_and(!(IFF_UP | IFF_RUNNING), SeqCst);
        }
    }

    /// It has 127.0.0.1.
    pub(crate) fn has_v4(&self) -> bool {
        self.has_v4.load(SeqCst)
    }

    /// Gives it 127.0.0.1 or takes it; false when there was nothing to do.
    pub(crate) fn set_v4(&self, has: bool) -> bool {
        self.had_v4.fetch_or(has, SeqCst);
        self.has_v4.swap(has, SeqCst) != has
    }

    /// No IPv4 address was ever given out here, so that any may be bound to.
    pub(crate) fn knows_no_v4(&self) -> bool {
        !self.had_v4.load(SeqCst)
    }

    /// It takes what is sent to one of its networks.
    pub(crate) fn serves(&self, ip: IpAddr) -> bool {
        self.is_up() && (ip.is_ipv6() || self.has_v4())
    }
}

/// An address of the device as 16 bytes of an `ifreq`.
fn sockaddr(addr: [u8; 4]) -> SockaddrIn {
    SockaddrIn { family: AF_INET, addr, ..SockaddrIn::default() }
}

fn set_data(request: &mut Ifreq, bytes: &[u8]) {
    request.data = [0; 24];
    for (to, from) in request.data.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// Answers a command that every socket takes; `ENOTTY` for others.
pub(crate) fn control(
    net: &NetNamespace,
    caller: &vfs::Caller,
    command: u32,
    arg: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Errno> {
    match command {
        ioctl::SIOCGIFCONF => return list(net, arg, memory),
        ioctl::SIOCGIFNAME | 0x8911..=0x89ff => {}
        _ => return Err(Errno::ENOTTY),
    }
    let pointer = UserPtr::<Ifreq>::new(UserAddr(arg));
    let mut request = pointer.read(memory)?;
    let device = net.device();
    if command == ioctl::SIOCGIFNAME {
        if request.data.first_chunk() != Some(&device.index.to_ne_bytes()) {
            return Err(Errno::ENODEV);
        }
        request.name = name_bytes(device.name);
        pointer.write(memory, &request)?;
        return Ok(0);
    }
    let end = request.name.iter().position(|&byte| byte == 0).unwrap_or(15);
    let is_known = request.name.get(..end) == Some(device.name.as_bytes());
    let answer = answer(net, device, command, caller, is_known)?;
    if !is_known {
        return Err(Errno::ENODEV);
    }
    if let Some(bytes) = answer {
        set_data(&mut request, &bytes);
        pointer.write(memory, &request)?;
    } else {
        let flags = u16::from_ne_bytes(*request.data.first_chunk().unwrap_or(&[0; 2]));
        device.set_up(u32::from(flags) & IFF_UP != 0);
    }
    Ok(0)
}

/// The data that answers a command; `None` for the one that sets flags.
fn answer(
    net: &NetNamespace,
    device: &Device,
    command: u32,
    caller: &vfs::Caller,
    is_known: bool,
) -> Result<Option<Vec<u8>>, Errno> {
    let is_address =
        matches!(command, ioctl::SIOCGIFADDR | ioctl::SIOCGIFDSTADDR | ioctl::SIOCGIFBRDADDR | ioctl::SIOCGIFNETMASK);
    if is_address && is_known && !device.has_v4() {
        return Err(Errno::EADDRNOTAVAIL);
    }
    Ok(Some(match command {
        ioctl::SIOCGIFFLAGS => (device.flags() as u16).to_ne_bytes().to_vec(),
        ioctl::SIOCGIFADDR => sockaddr([127, 0, 0, 1]).as_bytes().to_vec(),
        ioctl::SIOCGIFDSTADDR => sockaddr([127, 0, 0, 1]).as_bytes().to_vec(),
        ioctl::SIOCGIFBRDADDR => sockaddr([0; 4]).as_bytes().to_vec(),
        ioctl::SIOCGIFNETMASK => sockaddr([255, 0, 0, 0]).as_bytes().to_vec(),
        ioctl::SIOCGIFMETRIC => vec![0; 4],
        ioctl::SIOCGIFMTU => device.mtu.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFINDEX => device.index.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFTXQLEN => 1000u32.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFMAP => vec![0; 24],
        ioctl::SIOCGIFHWADDR => ARPHRD_LOOPBACK.to_ne_bytes().to_vec(),
        ioctl::SIOCSIFFLAGS if caller.creds.has_in(net.owner(), Capability::NetAdmin) => return Ok(None),
        ioctl::SIOCETHTOOL => return Err(Errno::EOPNOTSUPP),
        // The commands that change something.
        0x8914..=0x8940 if command & 1 == 0 => return Err(Errno::EPERM),
        _ => return Err(Errno::ENOTTY),
    }))
}

fn name_bytes(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    bytes
}

/// `SIOCGIFCONF`: the devices with an IPv4 address.
fn list(net: &NetNamespace, arg: u64, memory: &dyn UserMemory) -> Result<u64, Errno> {
    let pointer = UserPtr::<Ifconf>::new(UserAddr(arg));
    let mut conf = pointer.read(memory)?;
    let size = size_of::<Ifreq>() as i32;
    if !net.device().has_v4() {
        conf.len = 0;
    } else if conf.buf == 0 {
        conf.len = size;
    } else if conf.len >= size {
        let mut request = Ifreq { name: name_bytes(net.device().name), data: [0; 24] };
        set_data(&mut request, sockaddr([127, 0, 0, 1]).as_bytes());
        UserPtr::new(UserAddr(conf.buf)).write(memory, &request)?;
        conf.len = size;
    } else {
        conf.len = 0;
    }
    pointer.write(memory, &conf)?;
    Ok(0)
}
