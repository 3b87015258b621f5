//! Options of an instance.

use abi::Errno;
use host::file::total_memory;
use vfs::Credentials;

/// Options of an instance: `tmpfs(5)`.
#[derive(Clone, Debug)]
pub struct TmpfsOptions {
    /// Most bytes of data; `None` is no limit.
    pub size: Option<u64>,
    /// Most inodes; `None` is no limit.
    pub inodes: Option<u64>,
    /// Permission bits of the root directory.
    pub mode: u32,
    /// Owner of the root directory.
    pub uid: u32,
    /// Group of the root directory.
    pub gid: u32,
}

impl Default for TmpfsOptions {
    /// Half of the sandbox's memory, as many inodes as half of the pages, mode 1777.
    fn default() -> Self {
        let pages = total_memory() / abi::mm::PAGE_SIZE / 2;
        Self { size: Some(pages * abi::mm::PAGE_SIZE), inodes: Some(pages), mode: 0o1777, uid: 0, gid: 0 }
    }
}

impl TmpfsOptions {
    /// Options from a string as `mount(2)` gives it: `size=64m,mode=755`. `EINVAL` for unknown ones.
    pub fn parse(data: &[u8]) -> Result<Self, Errno> {
        let mut options = Self::default();
        let text = std::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
        for option in text.split(',').filter(|option| !option.is_empty()) {
            options.set(option)?;
        }
        Ok(options)
    }

    /// As [`Self::parse`], for one who mounts: ids are those of its user namespace, and its own unless given.
    pub(super) fn parse_for(creds: &Credentials, data: &[u8]) -> Result<Self, Errno> {
        let mut options = Self::parse(data)?;
        let has = |name: &[u8]| data.split(|&byte| byte == b',').any(|option| option.starts_with(name));
        let (uid, gid) = (creds.user_ns.kernel_uid(options.uid), creds.user_ns.kernel_gid(options.gid));
        options.uid = if has(b"uid=") { uid.ok_or(Errno::EINVAL)? } else { creds.fsuid };
        options.gid = if has(b"gid=") { gid.ok_or(Errno::EINVAL)? } else { creds.fsgid };
        Ok(options)
    }

    fn set(&mut self, option: &str) -> Result<(), Errno> {
        let (key, value) = option.split_once('=').map_or((option, None), |(key, value)| (key, Some(value)));
        let value = || value.ok_or(Errno::EINVAL);
        match key {
            "size" => self.size = limit(size(value()?)?),
            "nr_blocks" => self.size = limit(size(value()?)?.checked_mul(abi::mm::PAGE_SIZE).ok_or(Errno::EINVAL)?),
            "nr_inodes" => self.inodes = limit(size(value()?)?),
            "mode" => self.mode = u32::from_str_radix(value()?, 8).map_err(|_| Errno::EINVAL)? & 0o7777,
            "uid" => self.uid = value()?.parse().map_err(|_| Errno::EINVAL)?,
            "gid" => self.gid = value()?.parse().map_err(|_| Errno::EINVAL)?,
            // Hints about memory that change nothing that can be seen.
            "huge" | "mpol" => drop(value()?),
            "inode32" | "inode64" | "noswap" => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// What /proc/mounts shows of them.
    pub(super) fn text(&self) -> String {
        use std::fmt::Write as _;
        let default = Self::default();
        let mut parts = Vec::new();
        if self.size != default.size {
            parts.push(format!("size={}k", self.size.unwrap_or(0) / 1024));
        }
        if self.inodes != default.inodes {
            parts.push(format!("nr_inodes={}", self.inodes.unwrap_or(0)));
        }
        if self.mode != default.mode {
            let mut mode = "mode=".to_owned();
            // Writing to a string cannot fail.
            let _ = write!(mode, "{:03o}", self.mode);
            parts.push(mode);
        }
        if self.uid != 0 {
            parts.push(format!("uid={}", self.uid));
        }
        if self.gid != 0 {
            parts.push(format!("gid={}", self.gid));
        }
        parts.join(",")
    }
}

/// Zero stands for no limit.
const fn limit(value: u64) -> Option<u64> {
    if value == 0 { None } else { Some(value) }
}

/// A number with `k`, `m`, `g`, `t`, or `%` of the memory.
fn size(text: &str) -> Result<u64, Errno> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| Errno::EINVAL)?;
    let shift = match &text[digits.len()..] {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        "%" => return Ok(total_memory() / 100 * number.min(100)),
        _ => return Err(Errno::EINVAL),
    };
    number.checked_mul(1 << shift).ok_or(Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_shown() {
        let options = TmpfsOptions::parse(b"size=64m,mode=755,nr_inodes=1k,uid=5").expect("valid");
        assert_eq!((options.size, options.inodes, options.mode), (Some(64 << 20), Some(1024), 0o755));
        assert_eq!(options.text(), "size=65536k,nr_inodes=1024,mode=755,uid=5");
        assert_eq!(TmpfsOptions::parse(b"").expect("empty").text(), "");
        for bad in [b"size=x".as_slice(), b"size", b"what=1", b"mode=9", b"size=18446744073709551615k"] {
            assert_eq!(TmpfsOptions::parse(bad).err(), Some(Errno::EINVAL));
        }
    }
}
