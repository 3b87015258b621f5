//! The directory of containers.

use super::client;
use super::record::{FORMAT, Record, Status};
use crate::cgroup;
use crate::cli::Global;
use crate::error::{Result, Try, bail};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, open, stat};
use rustix::process::geteuid;
use sentry::control::Phase;
use std::env;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

/// Longest name of a container.
const LONGEST: usize = 255;

const RECORD: &str = "state.json";

/// The directory of containers.
pub(crate) struct Store {
    root: PathBuf,
}

/// A container's directory, locked against other commands.
pub(crate) struct Entry {
    /// Its path.
    pub dir: PathBuf,
    /// Its name.
    pub id: String,
    /// The directory; also the lock.
    pub fd: OwnedFd,
}

impl Store {
    /// The one that the options name.
    pub(crate) fn new(global: &Global) -> Self {
        let user = geteuid();
        let root = global.root.clone().unwrap_or_else(|| match env::var_os("XDG_RUNTIME_DIR") {
            _ if user.is_root() => "/run/nacre".into(),
            Some(dir) if !dir.is_empty() => PathBuf::from(dir).join("nacre"),
            _ => format!("/tmp/nacre-{}", user.as_raw()).into(),
        });
        Self { root }
    }

    /// A new directory for a container that does not exist yet.
    pub(crate) fn create(&self, id: &str) -> Result<Entry> {
        check(id)?;
        let make = |path: &PathBuf, parents| DirBuilder::new().recursive(parents).mode(0o700).create(path);
        make(&self.root, true).to(format_args!("make {} (see --root)", self.root.display()))?;
        let dir = self.root.join(id);
        if let Ok(entry) = self.open(id) {
            entry.remove_if_abandoned();
        }
        // Until it is locked, another command may take it for one that was left behind.
        for _ in 0..16 {
            match make(&dir, false) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    bail!("a container named \"{id}\" exists already; choose another name or delete it first")
                }
                result => result.to(format_args!("make {}", dir.display()))?,
            }
            if let Ok(entry) = self.open(id) {
                return Ok(entry);
            }
        }
        bail!("cannot make {}: other commands remove it at once", dir.display())
    }

    /// The directory of a container, once no other command works on it.
    pub(crate) fn open(&self, id: &str) -> Result<Entry> {
        check(id)?;
        let dir = self.root.join(id);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = match open(&dir, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => bail!("there is no container named \"{id}\" in {}", self.root.display()),
            result => result.to(format_args!("open {}", dir.display()))?,
        };
        flock(&fd, FlockOperation::LockExclusive).to(format_args!("lock {}", dir.display()))?;
        let (here, there) = (fstat(&fd), stat(&dir));
        if !matches!((here, there), (Ok(here), Ok(there)) if here.st_ino == there.st_ino && here.st_dev == there.st_dev)
        {
            bail!("container \"{id}\" has just been deleted");
        }
        Ok(Entry { dir, id: id.to_owned(), fd })
    }

    /// What is kept of every container, as others may be about to change it.
    pub(crate) fn records(&self) -> Result<Vec<Record>> {
        let what = format!("read {}", self.root.display());
        let mut records = Vec::new();
        for name in fs::read_dir(&self.root).to(&what)? {
            let path = name.to(&what)?.path().join(RECORD);
            // One that is being made or removed has none.
            records.extend(fs::read(path).ok().and_then(|text| serde_json::from_slice::<Record>(&text).ok()));
        }
        Ok(records)
    }

    /// Every container, by name. Those that were abandoned half-made are removed.
    pub(crate) fn list(&self) -> Result<Vec<Entry>> {
        let names = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result.to(format_args!("read {}", self.root.display()))?,
        };
        let mut names: Vec<_> = names.filter_map(|name| name.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        let entries = names.iter().filter_map(|name| self.open(name).ok());
        Ok(entries.filter(|entry| !entry.remove_if_abandoned()).collect())
    }
}

impl Entry {
    /// Lets other commands work on it.
    pub(crate) fn unlock(&self) {
        // It can't fail on an open descriptor.
        let _ = flock(&self.fd, FlockOperation::Unlock);
    }

    /// Reads what is kept.
    pub(crate) fn read(&self) -> Result<Record> {
        let path = self.dir.join(RECORD);
        let text = fs::read(&path).to(format_args!("read {}", path.display()))?;
        let record: Record = serde_json::from_slice(&text).to(format_args!("read {}", path.display()))?;
        if record.format != FORMAT {
            bail!("{} was written by another version of nacre; remove {} by hand", path.display(), self.dir.display());
        }
        Ok(record)
    }

    /// Keeps it, at once or not at all.
    pub(crate) fn write(&self, record: &Record) -> Result<()> {
        let (path, fresh) = (self.dir.join(RECORD), self.dir.join(".state.json"));
        let what = format!("write {}", path.display());
        let text = serde_json::to_vec(record).to(&what)?;
        let mut file = File::create(&fresh).to(&what)?;
        file.write_all(&text).to(&what)?;
        fs::rename(&fresh, &path).to(&what)
    }

    /// Where it is in its life.
    pub(crate) fn status(&self, record: &Record) -> Status {
        if !record.is_alive() {
            return Status::Stopped;
        }
        match client::phase(self, record) {
            Some(Phase::Created) => Status::Created,
            Some(Phase::Running) => Status::Running,
            Some(Phase::Paused) => Status::Paused,
            // It ends just now, or it is too busy to answer.
            Some(Phase::Stopped) => Status::Stopped,
            None => Status::Running,
        }
    }

    /// Removes everything that is kept, and the control groups. The sandbox must have ended.
    pub(crate) fn remove(&self, record: Option<&Record>) -> Result<()> {
        if let Some(record) = record {
            cgroup::remove(&record.cgroups)?;
        }
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.to(format_args!("remove {}", self.dir.display())),
        }
    }

    /// Removes it when its maker was killed before it was complete, or its keeper was killed.
    pub(crate) fn remove_if_abandoned(&self) -> bool {
        match self.read() {
            Ok(record) if record.is_abandoned() => self.remove(Some(&record)).is_ok(),
            // The lock is ours and there is no record: its maker died before the first one.
            Err(_) if !self.dir.join(RECORD).exists() => self.remove(None).is_ok(),
            _ => false,
        }
    }
}

/// A name is one component of a path.
fn check(id: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    if id.is_empty() || id.len() > LONGEST || id == "." || id == ".." || !id.bytes().all(is_plain) {
        bail!("\"{id}\" can't name a container: use letters, digits and _ + - . only, at most {LONGEST}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "A-1_b+c.d", "..."] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\n", &"x".repeat(256)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
