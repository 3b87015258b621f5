//! Ports of a protocol: who has which, and who may share one.

use abi::Errno;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};

/// What a socket takes a port for, and with whom it would share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) ip: IpAddr,
    /// `::` without IPv4.
    pub(crate) v6_only: bool,
    /// `SO_REUSEADDR`.
    pub(crate) reuse_addr: bool,
    /// `SO_REUSEPORT`.
    pub(crate) reuse_port: bool,
    pub(crate) uid: u32,
    /// Accepts connections: such never share by `SO_REUSEADDR`.
    pub(crate) listening: bool,
    /// Datagrams only of this sender.
    pub(crate) peer: Option<SocketAddr>,
}

impl Claim {
    /// The two name an address in common.
    fn overlaps(&self, other: &Self) -> bool {
        self.covers(other.ip) || other.covers(self.ip) || (self.is_any() && other.is_any())
    }

    const fn is_any(&self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => ip.is_unspecified(),
            IpAddr::V6(ip) => ip.is_unspecified() && !self.v6_only,
        }
    }

    /// What is sent to `ip` is for it.
    pub(crate) fn covers(&self, ip: IpAddr) -> bool {
        if self.ip == ip {
            return true;
        }
        match self.ip {
            IpAddr::V4(own) => own.is_unspecified() && ip.is_ipv4(),
            IpAddr::V6(own) => own.is_unspecified() && (ip.is_ipv6() || !self.v6_only),
        }
    }

    /// The two cannot both have the port.
    fn conflicts(&self, other: &Self) -> bool {
        let by_addr = self.reuse_addr && other.reuse_addr && !self.listening && !other.listening;
        let by_port = self.reuse_port && other.reuse_port && self.uid == other.uid;
        self.overlaps(other) && !by_addr && !by_port
    }
}

struct Owner<T> {
    claim: Claim,
    socket: Weak<T>,
}

struct Bucket<T> {
    owners: Vec<Owner<T>>,
    /// Connections that came from a listener on the port.
    children: Vec<(Claim, usize)>,
}

impl<T> Bucket<T> {
    const fn new() -> Self {
        Self { owners: Vec::new(), children: Vec::new() }
    }

    fn conflicts(&self, claim: &Claim, except: *const T) -> bool {
        let owners = self.owners.iter().filter(|owner| !std::ptr::eq(owner.socket.as_ptr(), except));
        owners
            .map(|owner| &owner.claim)
            .chain(self.children.iter().map(|(child, _)| child))
            .any(|other| claim.conflicts(other))
    }

    fn is_empty(&self) -> bool {
        self.owners.is_empty() && self.children.is_empty()
    }
}

/// The ports of a protocol in a network namespace.
pub(crate) struct Ports<T> {
    buckets: HashMap<u16, Bucket<T>>,
    /// Where the search for a free port goes on.
    next: u16,
    /// Which of several equal receivers is next.
    turn: usize,
}

impl<T> Ports<T> {
    pub(crate) fn new() -> Self {
        Self { buckets: HashMap::new(), next: 0, turn: 0 }
    }

    /// Takes `port` for a socket: `EADDRINUSE`.
    pub(crate) fn bind(&mut self, port: u16, claim: Claim, socket: &Arc<T>) -> Result<(), Errno> {
        let bucket = self.buckets.entry(port).or_insert_with(Bucket::new);
        if bucket.conflicts(&claim, Arc::as_ptr(socket)) {
            return Err(Errno::EADDRINUSE);
        }
        bucket.owners.push(Owner { claim, socket: Arc::downgrade(socket) });
        Ok(())
    }

    /// Takes a free port of the range: the port, or `EADDRINUSE`.
    pub(crate) fn bind_any(&mut self, range: RangeInclusive<u16>, claim: Claim, socket: &Arc<T>) -> Result<u16, Errno> {
        let (min, max) = (u32::from(*range.start()), u32::from(*range.end()));
        let count = (max + 1).saturating_sub(min);
        for step in 0..count {
            let port = (min + (u32::from(self.next) + step) % count) as u16;
            if !self.buckets.contains_key(&port) {
                self.next = (port - min as u16).wrapping_add(1);
                self.bind(port, claim, socket)?;
                return Ok(port);
            }
        }
        (min as u16..=max as u16).find(|&port| self.bind(port, claim, socket).is_ok()).ok_or(Errno::EADDRINUSE)
    }

    /// Changes the claim of a socket that has the port: `EADDRINUSE`.
    pub(crate) fn change(&mut self, port: u16, claim: Claim, socket: &T) -> Result<(), Errno> {
        let Some(bucket) = self.buckets.get_mut(&port) else { return Ok(()) };
        if bucket.conflicts(&claim, socket) {
            return Err(Errno::EADDRINUSE);
        }
        self.narrow(port, claim, socket);
        Ok(())
    }

    /// Changes the claim of a socket that has the port to one that asks for less.
    pub(crate) fn narrow(&mut self, port: u16, claim: Claim, socket: &T) {
        let owners = self.buckets.get_mut(&port).map(|bucket| bucket.owners.iter_mut());
        if let Some(owner) = owners.into_iter().flatten().find(|owner| std::ptr::eq(owner.socket.as_ptr(), socket)) {
            owner.claim = claim;
        }
    }

    /// Gives a port back.
    pub(crate) fn release(&mut self, port: u16, socket: &T) {
        if let Some(bucket) = self.buckets.get_mut(&port) {
            bucket.owners.retain(|owner| !std::ptr::eq(owner.socket.as_ptr(), socket));
            if bucket.is_empty() {
                self.buckets.remove(&port);
            }
        }
    }

    /// Notes a connection that a listener on the port accepted.
    pub(crate) fn add_child(&mut self, port: u16, claim: Claim) {
        let bucket = self.buckets.entry(port).or_insert_with(Bucket::new);
        match bucket.children.iter_mut().find(|(other, _)| *other == claim) {
            Some((_, count)) => *count += 1,
            None => bucket.children.push((claim, 1)),
        }
    }

    /// Such a connection ended.
    pub(crate) fn remove_child(&mut self, port: u16, claim: Claim) {
        let Some(bucket) = self.buckets.get_mut(&port) else { return };
        if let Some(index) = bucket.children.iter().position(|(other, _)| *other == claim)
            && let Some((_, count)) = bucket.children.get_mut(index)
        {
            *count -= 1;
            if *count == 0 {
                bucket.children.swap_remove(index);
            }
        }
        if bucket.is_empty() {
            self.buckets.remove(&port);
        }
    }

    /// The socket that what is sent to `to` is for: the one for which `score` (of those that cover the
    /// address) is highest, sockets of `SO_REUSEPORT` in turn, else the latest.
    pub(crate) fn find(&mut self, to: SocketAddr, mut score: impl FnMut(&Claim) -> Option<u32>) -> Option<Arc<T>> {
        let bucket = self.buckets.get(&to.port())?;
        let mut best: Option<(u32, Arc<T>)> = None;
        let mut equals = Vec::new();
        for owner in bucket.owners.iter().filter(|owner| owner.claim.covers(to.ip())) {
            let Some(own) = score(&owner.claim) else { continue };
            let Some(socket) = owner.socket.upgrade() else { continue };
            let exact = u32::from(owner.claim.ip == to.ip()) * 2 + u32::from(owner.claim.ip.is_ipv4() == to.is_ipv4());
            let own = own * 4 + exact;
            match &best {
                Some((high, _)) if *high > own => continue,
                Some((high, _)) if *high == own && owner.claim.reuse_port => {}
                _ => equals.clear(),
            }
            if owner.claim.reuse_port {
                equals.push(socket.clone());
            }
            best = Some((own, socket));
        }
        if equals.len() > 1 {
            self.turn = self.turn.wrapping_add(1);
            let index = self.turn % equals.len();
            return equals.into_iter().nth(index);
        }
        best.map(|(_, socket)| socket)
    }

    /// All sockets on the port that take what is sent to `ip`, by their claim.
    pub(crate) fn all(&self, port: u16, mut takes: impl FnMut(&Claim) -> bool) -> Vec<Arc<T>> {
        let owners = self.buckets.get(&port).map(|bucket| bucket.owners.iter());
        owners
            .into_iter()
            .flatten()
            .filter(|owner| takes(&owner.claim))
            .filter_map(|owner| owner.socket.upgrade())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const ANY4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    const ANY6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    const LO4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const LO6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    const fn claim(ip: IpAddr) -> Claim {
        Claim { ip, v6_only: false, reuse_addr: false, reuse_port: false, uid: 0, listening: false, peer: None }
    }

    #[test]
    fn who_conflicts() {
        assert!(claim(ANY4).conflicts(&claim(LO4)));
        assert!(claim(ANY6).conflicts(&claim(ANY4)));
        assert!(claim(ANY6).conflicts(&claim(LO4)));
        assert!(!claim(LO6).conflicts(&claim(LO4)));
        assert!(!Claim { v6_only: true, ..claim(ANY6) }.conflicts(&claim(ANY4)));
        let reuse = Claim { reuse_addr: true, ..claim(ANY4) };
        assert!(!reuse.conflicts(&reuse));
        assert!(reuse.conflicts(&Claim { listening: true, ..reuse }));
        let group = Claim { reuse_port: true, listening: true, ..claim(ANY4) };
        assert!(!group.conflicts(&group));
        assert!(group.conflicts(&Claim { uid: 1, ..group }));
    }

    #[test]
    fn free_ports_come_in_turn_and_run_out() {
        let mut ports = Ports::new();
        let sockets: Vec<_> = (0..3).map(Arc::new).collect();
        assert_eq!(ports.bind_any(10..=11, claim(ANY4), &sockets[0]), Ok(10));
        assert_eq!(ports.bind_any(10..=11, claim(ANY4), &sockets[1]), Ok(11));
        assert_eq!(ports.bind_any(10..=11, claim(ANY4), &sockets[2]), Err(Errno::EADDRINUSE));
        ports.release(10, &sockets[0]);
        assert_eq!(ports.bind_any(10..=11, claim(ANY4), &sockets[2]), Ok(10));
    }

    #[test]
    fn the_closest_socket_gets_it() {
        let mut ports = Ports::new();
        let (any, lo) = (Arc::new(1), Arc::new(2));
        ports.bind(80, Claim { reuse_addr: true, ..claim(ANY4) }, &any).expect("free");
        ports.bind(80, Claim { reuse_addr: true, ..claim(LO4) }, &lo).expect("shared");
        assert_eq!(ports.find((LO4, 80).into(), |_| Some(0)), Some(lo));
        assert_eq!(ports.find(([127, 0, 0, 2], 80).into(), |_| Some(0)), Some(any));
        assert_eq!(ports.find((LO4, 81).into(), |_| Some(0)), None);
    }
}
