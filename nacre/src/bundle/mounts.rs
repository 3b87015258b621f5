//! `mounts` of `config.json`.

use super::checks::{absolute, no_nul};
use crate::error::{Result, Try, bail};
use oci_spec::runtime;
use sentry::{Mount, MountKind, MountOptions, Tree};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Mounts that a bundle may name.
const MOST: usize = 4096;

/// The mounts in order, standard devices added when the bundle leaves /dev to the runtime. Their host
/// directories are added to `trees`.
pub(super) fn mounts(list: &[runtime::Mount], dir: &Path, trees: &mut Vec<Tree>) -> Result<Vec<Mount>> {
    if list.len() > MOST {
        bail!("mounts: {} are too many; at most {MOST} are taken", list.len());
    }
    let mut mounts = Vec::with_capacity(list.len() + 1);
    if !list.iter().any(|mount| mount.destination().as_path() == Path::new("/dev")) {
        let options = MountOptions { nosuid: true, ..MountOptions::default() };
        mounts.push(Mount { target: b"/dev".to_vec(), kind: MountKind::Dev, options, is_optional: true });
    }
    for mount in list {
        mounts.push(one(mount, dir, trees)?);
    }
    Ok(mounts)
}

fn one(mount: &runtime::Mount, dir: &Path, trees: &mut Vec<Tree>) -> Result<Mount> {
    let key = format!("mounts: {}", mount.destination().display());
    // A relative destination was permitted once.
    let target = Path::new("/").join(mount.destination());
    absolute(&target, "mounts: destination")?;
    let parsed = Options::parse(mount.options().as_deref().unwrap_or_default(), &key)?;
    let is_dev = target == Path::new("/dev");
    let kind = match mount.typ().as_deref() {
        _ if parsed.bind.is_some() => tree(mount, &key, &parsed, dir, trees)?,
        Some("bind") => tree(mount, &key, &parsed, dir, trees)?,
        Some("tmpfs") if is_dev => MountKind::Dev,
        Some("tmpfs") => MountKind::Tmpfs(parsed.data),
        Some("proc") => MountKind::Proc,
        Some("sysfs") => MountKind::Sysfs,
        Some("devpts") => MountKind::DevPts(parsed.data),
        Some("mqueue") => MountKind::Mqueue,
        Some("cgroup" | "cgroup2") => MountKind::Cgroup,
        Some(other) => bail!("{key}: filesystems of type \"{other}\" can't be mounted in a sandbox"),
        None => bail!("{key}: neither a type nor the option \"bind\" is given"),
    };
    Ok(Mount { target: target.as_os_str().as_bytes().to_vec(), kind, options: parsed.flags, is_optional: false })
}

fn tree(mount: &runtime::Mount, key: &str, options: &Options, dir: &Path, trees: &mut Vec<Tree>) -> Result<MountKind> {
    let Some(source) = mount.source() else { bail!("{key}: a bind mount needs a source") };
    let source = fs::canonicalize(dir.join(source)).to(format_args!("bind {} ({key})", source.display()))?;
    let recursive = options.bind.unwrap_or(false);
    trees.push(Tree { source, read_only: options.flags.read_only, recursive });
    Ok(MountKind::Tree(trees.len() - 1))
}

/// Options of a mount as mount(8) writes them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    flags: MountOptions,
    /// Those of the filesystem, joined by commas.
    data: Vec<u8>,
    /// It is a bind mount; with what is mounted below.
    bind: Option<bool>,
}

impl Options {
    fn parse(words: &[String], key: &str) -> Result<Self> {
        let mut options = Self::default();
        for word in words {
            no_nul(word, key)?;
            options.take(word, key)?;
        }
        Ok(options)
    }

    fn take(&mut self, word: &str, key: &str) -> Result<()> {
        let flags = &mut self.flags;
        match word {
            "ro" | "rro" => flags.read_only = true,
            "rw" | "rrw" => flags.read_only = false,
            "nosuid" | "rnosuid" => flags.nosuid = true,
            "suid" | "rsuid" => flags.nosuid = false,
            "nodev" | "rnodev" => flags.nodev = true,
            "dev" | "rdev" => flags.nodev = false,
            "noexec" | "rnoexec" => flags.noexec = true,
            "exec" | "rexec" => flags.noexec = false,
            "bind" => self.bind = Some(self.bind.unwrap_or(false)),
            "rbind" => self.bind = Some(true),
            "idmap" | "ridmap" => bail!("{key}: id-mapped mounts are not supported; leave \"{word}\" out"),
            // Propagation has no other side inside a sandbox; access times and caches are the sentry's.
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" | "unbindable" | "runbindable"
            | "defaults" | "async" | "sync" | "dirsync" | "atime" | "noatime" | "relatime" | "norelatime"
            | "strictatime" | "nostrictatime" | "diratime" | "nodiratime" | "ratime" | "rnoatime" | "rrelatime"
            | "rnorelatime" | "rstrictatime" | "rnostrictatime" | "rdiratime" | "rnodiratime" | "lazytime"
            | "nolazytime" | "mand" | "nomand" | "iversion" | "noiversion" | "silent" | "loud" | "remount"
            | "tmpcopyup" | "copy" | "nocopy" | "z" | "Z" | "nosymfollow" | "symfollow" => {}
            _ => {
                if !self.data.is_empty() {
                    self.data.push(b',');
                }
                self.data.extend_from_slice(word.as_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Options::parse(&words, "test")
    }

    #[test]
    fn flags_and_data_are_told_apart() {
        let options = parse(&["nosuid", "strictatime", "mode=755", "size=65536k", "ro"]).unwrap();
        assert_eq!(options.data, b"mode=755,size=65536k");
        assert!(options.flags.nosuid && options.flags.read_only && !options.flags.noexec);
        assert_eq!(options.bind, None);
    }

    #[test]
    fn binds() {
        assert_eq!(parse(&["bind"]).unwrap().bind, Some(false));
        assert_eq!(parse(&["rbind", "bind", "rprivate"]).unwrap().bind, Some(true));
        assert!(parse(&["bind", "idmap"]).is_err());
        assert!(parse(&["a\0b"]).is_err());
    }
}
