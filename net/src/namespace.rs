//! Network namespaces: `network_namespaces(7)`.

use crate::device::Device;
use crate::inet::{Ports, Tcp, Udp};
use crate::netlink::PortIds;
use crate::roster::Roster;
use crate::unix::rights::Registry;
use crate::unix::{Endpoint, Names};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use sync::{Mutex, Rank};
use vfs::{Owner, UserNamespace};

/// Packets beyond which a unix datagram socket takes no more: /proc/sys/net/unix/max_dgram_qlen.
pub(crate) const DGRAM_QUEUE_MAX: usize = 512;

/// What the sockets of a network namespace share. A new one has the loopback device, which is down.
pub struct NetNamespace {
    owner: Owner,
    id: OnceLock<u64>,
    /// Shared by all namespaces of the sandbox: descriptors may cross.
    rights: Arc<Registry>,
    pub(crate) unix_names: Names,
    pub(crate) unix_sockets: Roster<Endpoint>,
    pub(crate) tcp: Mutex<Ports<Tcp>>,
    pub(crate) tcp_sockets: Roster<Tcp>,
    pub(crate) udp: Mutex<Ports<Udp>>,
    pub(crate) udplite: Mutex<Ports<Udp>>,
    pub(crate) udp_sockets: Roster<Udp>,
    pub(crate) netlink_ports: PortIds,
    device: Device,
    port_min: AtomicU16,
    port_max: AtomicU16,
    unprivileged_port: AtomicU32,
}

impl NetNamespace {
    /// The sandbox's first namespace, owned by its root user namespace. Its loopback device is up.
    pub fn new(owner: impl Into<Owner>) -> Arc<Self> {
        let namespace = Self::with(owner, Registry::new());
        namespace.device.set_up(true);
        namespace
    }

    /// Another one, as `unshare(CLONE_NEWNET)` makes it.
    pub fn unshare(&self, owner: impl Into<Owner>) -> Arc<Self> {
        Self::with(owner, self.rights.clone())
    }

    fn with(owner: impl Into<Owner>, rights: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self {
            owner: owner.into(),
            id: OnceLock::new(),
            rights,
            unix_names: Names::new(),
            unix_sockets: Roster::new(),
            tcp: Mutex::new(Rank::Stack, Ports::new()),
            tcp_sockets: Roster::new(),
            udp: Mutex::new(Rank::Stack, Ports::new()),
            udplite: Mutex::new(Rank::Stack, Ports::new()),
            udp_sockets: Roster::new(),
            netlink_ports: PortIds::new(),
            device: Device::loopback(),
            port_min: AtomicU16::new(32768),
            port_max: AtomicU16::new(60999),
            unprivileged_port: AtomicU32::new(1024),
        })
    }

    /// The user namespace whose capabilities rule it.
    pub fn owner(&self) -> &Arc<UserNamespace> {
        &self.owner
    }

    /// Number that the kernel gave it (inode of /proc/PID/ns/net).
    pub fn id(&self) -> Option<u64> {
        self.id.get().copied()
    }

    /// Sets the number, once.
    pub fn set_id(&self, id: u64) {
        // The first number stays.
        let _ = self.id.set(id);
    }

    /// The loopback device.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Ports that are given to sockets that ask for none: /proc/sys/net/ipv4/ip_local_port_range.
    pub fn port_range(&self) -> RangeInclusive<u16> {
        self.port_min.load(SeqCst)..=self.port_max.load(SeqCst)
    }

    /// Sets the range; false when it is empty.
    pub fn set_port_range(&self, min: u16, max: u16) -> bool {
        if min == 0 || min > max {
            return false;
        }
        self.port_min.store(min, SeqCst);
        self.port_max.store(max, SeqCst);
        true
    }

    /// The lowest port that anybody may bind: /proc/sys/net/ipv4/ip_unprivileged_port_start.
    pub fn unprivileged_port(&self) -> u32 {
        self.unprivileged_port.load(SeqCst)
    }

    /// Sets the lowest port that anybody may bind.
    pub fn set_unprivileged_port(&self, port: u32) {
        self.unprivileged_port.store(port.min(65536), SeqCst);
    }

    pub(crate) const fn rights(&self) -> &Arc<Registry> {
        &self.rights
    }
}

impl fmt::Debug for NetNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetNamespace({:?})", self.id())
    }
}
