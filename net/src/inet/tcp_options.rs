//! Options of `tcp(7)`.

use super::options::{Kept, get, keep, no_level, set, value};
use super::tcp::Tcp;
use abi::Errno;
use abi::inet::{ipv6, tcp};
use abi::socket::level::{SOL_IP, SOL_IPV6, SOL_TCP};
use std::sync::atomic::Ordering::Relaxed;

/// Size of `struct tcp_info` as programs know it.
const TCP_INFO_SIZE: usize = 232;
/// The one way to control congestion.
const CONGESTION: &[u8] = b"cubic";
/// Size of the buffer that `TCP_CONGESTION` fills.
const CONGESTION_SIZE: usize = 16;

/// Options that are kept, but have nothing to act on where there are no packets.
const fn kept(name: i32) -> Option<Kept> {
    Some(match name {
        tcp::NODELAY
        | tcp::CORK
        | tcp::THIN_LINEAR_TIMEOUTS
        | tcp::THIN_DUPACK
        | tcp::FASTOPEN_CONNECT
        | tcp::FASTOPEN_NO_COOKIE
        | tcp::SAVE_SYN
        | tcp::INQ => Kept::off(),
        tcp::QUICKACK => Kept::on(),
        tcp::KEEPIDLE => Kept::new(7200, 1, 32767),
        tcp::KEEPINTVL => Kept::new(75, 1, 32767),
        tcp::KEEPCNT => Kept::new(9, 1, 127),
        tcp::SYNCNT => Kept::new(6, 1, 127),
        tcp::LINGER2 => Kept::new(60, -1, i32::MAX),
        tcp::DEFER_ACCEPT => Kept::new(0, 0, i32::MAX),
        tcp::WINDOW_CLAMP => Kept::new(0, 0, i32::MAX),
        tcp::USER_TIMEOUT | tcp::FASTOPEN | tcp::TX_DELAY | tcp::TIMESTAMP => Kept::new(0, 0, i32::MAX),
        tcp::NOTSENT_LOWAT => Kept::new(-1, i32::MIN + 1, i32::MAX),
        _ => return None,
    })
}

impl Tcp {
    pub(super) fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        match level {
            SOL_IP | SOL_IPV6 => return get(&self.common, level, name),
            SOL_TCP => {}
            _ => return Err(no_level(&self.common)),
        }
        let number = match name {
            tcp::MAXSEG => {
                let initial = if self.end.get().is_some() { 32741 } else { 536 };
                value(&self.common, level, name, initial)
            }
            tcp::INFO => return Ok(self.info()),
            tcp::CONGESTION => {
                let mut bytes = CONGESTION.to_vec();
                bytes.resize(CONGESTION_SIZE, 0);
                return Ok(bytes);
            }
            _ => value(&self.common, level, name, kept(name).ok_or(Errno::ENOPROTOOPT)?.initial),
        };
        Ok(number.to_ne_bytes().to_vec())
    }

    pub(super) fn put_option(&self, level: i32, name: i32, bytes: &[u8]) -> Result<(), Errno> {
        match level {
            SOL_IPV6 if name == ipv6::V6ONLY && self.state.lock().binding.is_some() => return Err(Errno::EINVAL),
            SOL_IP | SOL_IPV6 => return set(&self.common, level, name, bytes),
            SOL_TCP => {}
            _ => return Err(Errno::ENOPROTOOPT),
        }
        if name == tcp::CONGESTION {
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            let known = matches!(bytes.get(..end), Some(b"cubic" | b"reno"));
            return if known { Ok(()) } else { Err(Errno::ENOENT) };
        }
        let number = crate::options::int(bytes)?;
        if name == tcp::MAXSEG {
            if number != 0 && !(88..=32767).contains(&number) {
                return Err(Errno::EINVAL);
            }
            keep(&self.common, level, name, number);
            return Ok(());
        }
        let how = kept(name).ok_or(Errno::ENOPROTOOPT)?;
        if number < how.min || number > how.max {
            return Err(Errno::EINVAL);
        }
        keep(&self.common, level, name, if how.min == i32::MIN { i32::from(number != 0) } else { number });
        if name == tcp::CORK {
            self.is_corked.store(number != 0, Relaxed);
        }
        if matches!((name, number != 0), (tcp::CORK, false) | (tcp::NODELAY, true))
            && let Some(end) = self.end.get()
        {
            end.push();
        }
        Ok(())
    }

    /// `struct tcp_info`: the fields that say something where there are no packets.
    fn info(&self) -> Vec<u8> {
        let mut info = vec![0; TCP_INFO_SIZE];
        if let Some(state) = info.first_mut() {
            *state = self.state_number();
        }
        let mut put = |offset: usize, number: u32| {
            if let Some(bytes) = info.get_mut(offset..offset + 4) {
                bytes.copy_from_slice(&number.to_ne_bytes());
            }
        };
        // Offsets: rto, snd_mss, rcv_mss, pmtu, rtt, snd_ssthresh, snd_cwnd, advmss, rcv_space.
        for (offset, number) in [
            (8, 201_000),
            (16, 32741),
            (20, 536),
            (60, 65535),
            (68, 20),
            (76, 0x7fff_ffff),
            (80, 10),
            (84, 65483),
            (96, 65483),
        ] {
            put(offset, number);
        }
        info
    }
}
