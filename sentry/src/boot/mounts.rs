//! The guest's tree of mounts.

use super::machine::Machine;
use super::outside;
use crate::failure::Failure;
use crate::plan::{Mount, MountKind, MountOptions, Overlay, Plan, Resources};
use abi::Errno;
use abi::fs::FileType;
use abi::mount::MountFlags;
use fs::devpts::{DevPts, Options};
use fs::host::{HostFs, HostOptions};
use fs::tmpfs::{Tmpfs, TmpfsOptions};
use kernel::PidNamespace;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use vfs::{CachePolicy, Caller, Credentials, Filesystem, FsContext, MountNamespace, Place, Walk};

/// What mounts are made from.
pub(super) struct Builder<'a> {
    pub(super) machine: &'a Machine,
    pub(super) plan: &'a Plan,
    /// Whose mounts they are.
    pub(super) members: &'a Arc<kernel::Container>,
    /// What its procfs shows.
    pub(super) pids: &'a Arc<PidNamespace>,
    /// Host directories of the plan, taken as they are mounted.
    pub(super) trees: Vec<Option<OwnedFd>>,
    /// The first instance of devpts.
    pub(super) devpts: Option<Arc<DevPts>>,
}

impl Builder<'_> {
    /// The tree of the plan.
    pub(super) fn build(&mut self) -> Result<Arc<FsContext>, Failure> {
        let root = self.root()?;
        let source: &[u8] = if self.plan.overlay == Overlay::Memory { b"overlay" } else { b"none" };
        let namespace =
            MountNamespace::new(&self.machine.vfs, &root, source, MountFlags::empty(), self.machine.user_ns.clone());
        namespace.set_id(self.machine.kernel.new_namespace_id());
        let fs = FsContext::new(namespace, self.plan.process.umask);
        let caller = outside::caller(Credentials::root(self.machine.user_ns.clone()));
        let walk = Walk::new(&caller, &fs);
        let plan = self.plan;
        for mount in &plan.mounts {
            match self.mount(&walk, &fs, mount) {
                Err(errno) if mount.is_optional => {
                    host::debug!("{} is left out: {}", show(&mount.target), errno.text());
                }
                result => result.map_err(|errno| cannot("mount", &mount.target, errno))?,
            }
        }
        for path in &plan.masked_paths {
            self.mask(&walk, &fs, path).map_err(|errno| cannot("mask", path, errno))?;
        }
        for path in &plan.read_only_paths {
            protect(&walk, &fs, path).map_err(|errno| cannot("make read-only", path, errno))?;
        }
        if plan.is_root_read_only {
            let place = fs.namespace().root();
            fs.namespace()
                .remount(&place, MountFlags::RDONLY)
                .map_err(|errno| cannot("make read-only", b"/", errno))?;
        }
        // What was mounted on the root since is seen from the new one.
        let root = fs.namespace().root();
        fs.set_root(root.clone());
        fs.set_cwd(root);
        Ok(fs)
    }

    fn root(&mut self) -> Result<Arc<dyn Filesystem>, Failure> {
        let is_shared = self.plan.overlay == Overlay::None;
        let lower = self.host(0, !is_shared, is_shared)?;
        if is_shared {
            return Ok(lower);
        }
        let options = TmpfsOptions { mode: 0o755, ..TmpfsOptions::default() };
        let overlay = fs::overlay::Overlay::new(vec![lower], Tmpfs::new(options));
        Ok(overlay.map_err(|errno| cannot("overlay", b"/", errno))?)
    }

    fn host(&mut self, tree: usize, read_only: bool, is_shared: bool) -> Result<Arc<dyn Filesystem>, Failure> {
        let Some(fd) = self.trees.get_mut(tree).and_then(Option::take) else {
            return Err(Failure::boot(format_args!("the plan has no tree {tree}")));
        };
        let cache = if is_shared { CachePolicy::Ask } else { CachePolicy::Keep };
        let options = HostOptions { read_only, cache, unmapped_owner: self.plan.unmapped_owner };
        HostFs::new(fd, options).map(|fs| fs as Arc<dyn Filesystem>).map_err(|error| {
            let source = self.plan.trees.get(tree).map(|tree| tree.source.display().to_string());
            Failure::boot(format_args!("cannot use {}: {error}", source.unwrap_or_default()))
        })
    }

    fn mount(&mut self, walk: &Walk<'_>, fs: &FsContext, mount: &Mount) -> Result<(), Errno> {
        let (filesystem, source) = self.filesystem(walk.caller(), mount)?;
        let kind = filesystem.root().kind();
        let at = self.target(walk, mount, kind)?;
        fs.namespace().mount(&at, &filesystem, source.as_bytes(), flags(mount.options))
    }

    /// The filesystem, and its source as /proc/mounts shows it.
    fn filesystem(&mut self, caller: &Caller, mount: &Mount) -> Result<(Arc<dyn Filesystem>, &'static str), Errno> {
        let device = self.machine.vfs.new_device();
        Ok(match &mount.kind {
            MountKind::Tree(index) => {
                let host = self.host(*index, mount.options.read_only, true);
                (host.map_err(|failure| failure.errno.unwrap_or(Errno::EINVAL))?, "none")
            }
            MountKind::Tmpfs(data) => (Tmpfs::new(TmpfsOptions::parse(data)?), "tmpfs"),
            MountKind::Proc => {
                let kernel = &self.machine.kernel;
                (fs::proc::procfs(kernel.clone(), self.pids.clone(), device), "proc")
            }
            MountKind::Sysfs => (fs::sys::sysfs(fs::sys::Machine::of(Some(self.members)), device), "sysfs"),
            MountKind::Cgroup => (fs::sys::cgroup2(device, self.limits()), "cgroup2"),
            MountKind::Dev => (dev(caller)?, "tmpfs"),
            MountKind::DevPts(data) => {
                let instance = DevPts::new(self.machine.terminals.clone(), Options::parse(data)?);
                let filesystem = instance.filesystem(device);
                if self.devpts.is_none() {
                    self.devpts = Some(instance);
                }
                (filesystem, "devpts")
            }
            MountKind::Mqueue => match self.machine.vfs.filesystem_type(b"mqueue") {
                Some(kind) => (kind.mount(caller, b"mqueue", MountFlags::empty(), b"")?, "mqueue"),
                None => (Tmpfs::new(TmpfsOptions { mode: 0o1777, ..TmpfsOptions::default() }), "tmpfs"),
            },
        })
    }

    fn limits(&self) -> fs::sys::Limits {
        let Resources { memory, cpu, .. } = self.plan.resources;
        fs::sys::Limits { cpu, memory, tasks: self.plan.pids_limit }
    }

    /// Where it is mounted; made when it is missing.
    fn target(&self, walk: &Walk<'_>, mount: &Mount, kind: FileType) -> Result<Place, Errno> {
        match walk.find(&mount.target, true) {
            Err(Errno::ENOENT) => {}
            result => return result,
        }
        if mount.is_optional && self.plan.overlay == Overlay::None {
            // The host's own directory is not changed for something that nobody asked for.
            return Err(Errno::ENOENT);
        }
        if kind == FileType::Directory {
            return make_dirs(walk, &mount.target);
        }
        let end = mount.target.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        make_dirs(walk, mount.target.get(..end).unwrap_or_default())?;
        walk.make_node(&mount.target, FileType::Regular, 0o644, 0)
    }

    /// Covers a file by /dev/null, a directory by an empty one. What is not there needs no cover.
    fn mask(&self, walk: &Walk<'_>, fs: &FsContext, path: &[u8]) -> Result<(), Errno> {
        let place = match walk.find(path, true) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
            result => result?,
        };
        if place.inode()?.kind() == FileType::Directory {
            let empty = Tmpfs::new(TmpfsOptions { mode: 0o755, inodes: Some(1), ..TmpfsOptions::default() });
            let empty: Arc<dyn Filesystem> = empty;
            return fs.namespace().mount(&place, &empty, b"tmpfs", MountFlags::RDONLY);
        }
        let null = walk.find(b"/dev/null", true)?;
        fs.namespace().bind(&null, &place, false)
    }
}

/// Covers a place by itself, read-only. What is not there needs no cover.
fn protect(walk: &Walk<'_>, fs: &FsContext, path: &[u8]) -> Result<(), Errno> {
    let place = match walk.find(path, true) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
        result => result?,
    };
    let kept = place.mount.flags();
    fs.namespace().bind(&place, &place, true)?;
    fs.namespace().remount(&walk.find(path, true)?, kept | MountFlags::RDONLY)
}

/// A fresh /dev.
fn dev(caller: &Caller) -> Result<Arc<dyn Filesystem>, Errno> {
    let options = TmpfsOptions { mode: 0o755, ..TmpfsOptions::default() };
    let filesystem = Tmpfs::new(options);
    fs::dev::populate(caller, &filesystem.root(), true)?;
    Ok(filesystem)
}

/// The directory with this absolute path, made with those above where missing: `mkdir -p`.
pub(super) fn make_dirs(walk: &Walk<'_>, path: &[u8]) -> Result<Place, Errno> {
    let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(index, _)| index);
    for end in ends.chain([path.len()]) {
        let above = path.get(..end).filter(|above| !above.is_empty()).unwrap_or(b"/");
        match walk.find(above, true) {
            Err(Errno::ENOENT) => drop(walk.make_dir(above, 0o755)?),
            result => drop(result?),
        }
    }
    walk.find_dir(if path.is_empty() { b"/" } else { path })
}

fn flags(options: MountOptions) -> MountFlags {
    let pairs = [
        (options.read_only, MountFlags::RDONLY),
        (options.nosuid, MountFlags::NOSUID),
        (options.nodev, MountFlags::NODEV),
        (options.noexec, MountFlags::NOEXEC),
        (true, MountFlags::RELATIME),
    ];
    pairs.into_iter().filter(|(is_set, _)| *is_set).fold(MountFlags::empty(), |flags, (_, flag)| flags | flag)
}

fn show(path: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(path)
}

fn cannot(what: &str, path: &[u8], errno: Errno) -> Failure {
    let text = format!("cannot {what} {} in the sandbox: {}", show(path), errno.text());
    Failure { stage: crate::control::Stage::Boot, errno: Some(errno), text }
}
