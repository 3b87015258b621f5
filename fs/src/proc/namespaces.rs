//! Namespaces of a process and what it has mounted: `namespaces(7)`, `proc_pid_ns(5)`, `proc_pid_mounts(5)`.

use super::process::{Process, readable};
use crate::pseudo::{Child, Name, Object, PseudoFs, Subject};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use kernel::{PidNamespace, UtsNamespace};
use std::sync::Arc;
use sync::Fail;
use vfs::{CachePolicy, Caller, File, Filesystem, LinkTarget, MountNamespace, OpenFile, Place, UserNamespace};

type Text = Result<Vec<u8>, Errno>;

/// /proc/PID/mounts.
pub(super) fn mounts(process: &Process, _caller: &Caller) -> Text {
    let fs = process.task.fs().ok_or(Errno::EINVAL)?;
    Ok(fs.namespace().mounts_text(&fs.root()))
}

/// /proc/PID/mountinfo.
pub(super) fn mountinfo(process: &Process, _caller: &Caller) -> Text {
    let fs = process.task.fs().ok_or(Errno::EINVAL)?;
    Ok(fs.namespace().mountinfo_text(&fs.root()))
}

/// /proc/PID/mountstats.
pub(super) fn mountstats(process: &Process, _caller: &Caller) -> Text {
    let fs = process.task.fs().ok_or(Errno::EINVAL)?;
    Ok(fs.namespace().mountstats_text(&fs.root()))
}

/// A namespace that a link of /proc/PID/ns leads to.
#[derive(Clone)]
pub enum Namespace {
    /// `mnt`.
    Mounts(Arc<MountNamespace>),
    /// `uts`.
    Uts(Arc<UtsNamespace>),
    /// `pid` and `pid_for_children`.
    Pids(Arc<PidNamespace>),
    /// `user`.
    Users(Arc<UserNamespace>),
    /// One of a kind that the sandbox has only once: its name and number.
    Only(&'static str, u64),
}

impl Namespace {
    /// Kind and number, as in `mnt:[4026531832]`.
    fn label(&self) -> (&'static str, u64) {
        match self {
            Self::Mounts(ns) => ("mnt", ns.id().unwrap_or(FIRST + 1)),
            Self::Uts(ns) => ("uts", ns.id),
            Self::Pids(ns) => ("pid", ns.id),
            Self::Users(ns) => ("user", user_id(ns)),
            Self::Only(name, id) => (name, *id),
        }
    }

    fn name(&self) -> String {
        let (kind, id) = self.label();
        format!("{kind}:[{id}]")
    }
}

/// Numbers of namespaces start here, as Linux's do.
const FIRST: u64 = 4_026_531_834;

/// The number of a user namespace: the root's is Linux's, others follow from where they are.
fn user_id(ns: &Arc<UserNamespace>) -> u64 {
    if ns.parent.is_none() { FIRST + 3 } else { FIRST + 4096 + (Arc::as_ptr(ns).addr() as u64 >> 4) % (1 << 30) }
}

/// Names of the links, in order.
const NAMES: [&str; 10] =
    ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"];

/// The namespace behind a link.
fn find(process: &Process, name: &[u8]) -> Result<Namespace, Errno> {
    let task = &process.task;
    Ok(match name {
        b"cgroup" => Namespace::Only("cgroup", FIRST + 1),
        b"ipc" => Namespace::Only("ipc", FIRST + 5),
        b"net" => Namespace::Only("net", FIRST + 6),
        b"time" | b"time_for_children" => Namespace::Only("time", FIRST),
        b"mnt" => Namespace::Mounts(task.fs().ok_or(Errno::ENOENT)?.namespace()),
        b"pid" => Namespace::Pids(task.pid_namespace()),
        b"pid_for_children" => Namespace::Pids(task.attributes().namespaces.pid_for_children),
        b"user" => Namespace::Users(task.creds().user_ns.clone()),
        b"uts" => Namespace::Uts(task.attributes().namespaces.uts),
        _ => return Err(Errno::ENOENT),
    })
}

/// /proc/PID/ns.
pub(super) fn dir(process: &Process) -> Box<dyn Object> {
    Box::new(NamespaceDir(process.clone()))
}

struct NamespaceDir(Process);

impl Object for NamespaceDir {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        0o511
    }

    fn owner(&self) -> (u32, u32) {
        self.0.owner(false)
    }

    fn cache_policy(&self) -> CachePolicy {
        CachePolicy::Never
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        let name = NAMES.iter().find(|known| known.as_bytes() == name).ok_or(Errno::ENOENT)?;
        Ok(Child::Object(Box::new(NamespaceLink { process: self.0.clone(), name })))
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        let names = NAMES.iter().zip(1..).filter(|&(_, key)| key > after);
        Ok(names
            .map(|(name, key)| Name { name: name.as_bytes().to_vec(), kind: FileType::Symlink, ino: None, key })
            .collect())
    }
}

struct NamespaceLink {
    process: Process,
    name: &'static str,
}

impl Object for NamespaceLink {
    fn kind(&self) -> FileType {
        FileType::Symlink
    }

    fn mode(&self) -> u32 {
        0o777
    }

    fn owner(&self) -> (u32, u32) {
        self.process.owner(false)
    }

    fn target(&self, caller: &Caller) -> Result<LinkTarget, Errno> {
        readable(&self.process, caller)?;
        Ok(LinkTarget::File(open_file(find(&self.process, self.name.as_bytes())?)))
    }
}

/// Device number of the filesystem that namespaces are files of.
const NSFS_DEVICE: u64 = 4;
/// Its `statfs(2)` magic.
const NSFS_MAGIC: u64 = 0x6e73_6673;

/// The file of a namespace, at a place without a name in any tree.
fn open_file(namespace: Namespace) -> Arc<OpenFile> {
    let name = namespace.name();
    let ops = Box::new(NamespaceFile(namespace.clone()));
    let object = move || -> Box<dyn Object> { Box::new(NamespaceNode(namespace.clone())) };
    let fs = PseudoFs::new("nsfs", NSFS_MAGIC, NSFS_DEVICE, String::new(), object);
    OpenFile::new(ops, Place::nameless(fs.root(), name.as_bytes()), OpenFlags::empty())
}

/// A namespace as an object of the filesystem.
struct NamespaceNode(Namespace);

impl Object for NamespaceNode {
    fn kind(&self) -> FileType {
        FileType::Regular
    }

    fn mode(&self) -> u32 {
        0o444
    }

    fn ino(&self) -> Option<u64> {
        Some(self.0.label().1)
    }

    fn open(&self, _caller: &Caller, _flags: OpenFlags) -> Result<Option<Box<dyn File>>, Fail> {
        Ok(Some(Box::new(NamespaceFile(self.0.clone()))))
    }
}

/// An open namespace: what `setns(2)` takes.
pub struct NamespaceFile(pub Namespace);

impl File for NamespaceFile {
    fn anonymous_name(&self) -> Option<String> {
        Some(self.0.name())
    }
}
