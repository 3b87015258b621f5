//! Mount options of devpts: `mount(8)`, kernel document filesystems/devpts.

use abi::Errno;
use std::fmt::Write as _;
use vfs::UserNamespace;

/// Number of pseudoterminals that an instance may have at most.
const MAX: u32 = 1 << 20;

/// How an instance was mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Owner of new slaves; `None` for the user who opened the master.
    pub uid: Option<u32>,
    /// Group of new slaves; `None` for that of the one who opened the master.
    pub gid: Option<u32>,
    /// Mode of new slaves.
    pub mode: u32,
    /// Mode of `ptmx`.
    pub ptmxmode: u32,
    /// Pseudoterminals at most.
    pub max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { uid: None, gid: None, mode: 0o600, ptmxmode: 0, max: MAX }
    }
}

impl Options {
    /// From the data of `mount(2)`; `EINVAL`.
    pub fn parse(data: &[u8]) -> Result<Self, Errno> {
        let text = std::str::from_utf8(data).map_err(|_| Errno::EINVAL)?;
        let mut options = Self::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let decimal = || value.parse::<u32>().map_err(|_| Errno::EINVAL);
            let octal = || u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL);
            match name {
                "uid" => options.uid = Some(decimal()?),
                "gid" => options.gid = Some(decimal()?),
                "mode" => options.mode = octal()? & 0o777,
                "ptmxmode" => options.ptmxmode = octal()? & 0o777,
                "max" => options.max = Some(decimal()?).filter(|&max| max <= MAX).ok_or(Errno::EINVAL)?,
                "newinstance" => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }

    /// With ids that are those of a user namespace: `EINVAL` for those that it does not have.
    pub fn within(self, users: &UserNamespace) -> Result<Self, Errno> {
        let uid = self.uid.map(|uid| users.kernel_uid(uid).ok_or(Errno::EINVAL)).transpose()?;
        let gid = self.gid.map(|gid| users.kernel_gid(gid).ok_or(Errno::EINVAL)).transpose()?;
        Ok(Self { uid, gid, ..self })
    }

    /// As /proc/mounts shows them.
    pub fn show(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        if let Some(uid) = self.uid {
            let _ = write!(text, "uid={uid},");
        }
        if let Some(gid) = self.gid {
            let _ = write!(text, "gid={gid},");
        }
        let _ = write!(text, "mode={:03o},ptmxmode={:03o}", self.mode, self.ptmxmode);
        if self.max < MAX {
            let _ = write!(text, ",max={}", self.max);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parsed_and_shown() {
        let options = Options::parse(b"newinstance,ptmxmode=0666,mode=0620,gid=5").expect("good options");
        assert_eq!(options.show(), "gid=5,mode=620,ptmxmode=666");
        assert_eq!(Options::parse(b"").map(|options| options.show()), Ok("mode=600,ptmxmode=000".into()));
        assert_eq!(Options::parse(b"nonsense"), Err(Errno::EINVAL));
        assert_eq!(Options::parse(b"mode=9"), Err(Errno::EINVAL));
        assert_eq!(Options::parse(b"max=9999999"), Err(Errno::EINVAL));
    }
}
