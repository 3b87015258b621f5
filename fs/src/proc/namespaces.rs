//! Namespaces of a process: `namespaces(7)`, `proc_pid_ns(5)`.

use super::process::{Process, readable};
use crate::pseudo::{Child, Name, Object, PseudoFs, Subject};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use kernel::Namespace;
use std::sync::Arc;
use sync::Fail;
use vfs::{CachePolicy, Caller, File, Filesystem, LinkTarget, OpenFile, Place};

/// Names of the links, in order.
const NAMES: [&str; 10] =
    ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"];

/// The namespace behind a link.
fn find(process: &Process, name: &[u8]) -> Result<Namespace, Errno> {
    let task = &process.task;
    let live = task.live().ok_or(Errno::ENOENT);
    let all = task.attributes().namespaces;
    Ok(match name {
        b"user" => Namespace::User(task.creds().user_ns.clone()),
        b"mnt" => Namespace::Mount(live?.fs.namespace()),
        b"pid" => Namespace::Pid(task.pid_namespace()),
        b"pid_for_children" => Namespace::Pid(all.pid_for_children),
        b"cgroup" => Namespace::Cgroup(all.cgroup),
        b"ipc" => live.map(|_| Namespace::Ipc(all.ipc))?,
        b"net" => live.map(|_| Namespace::Net(all.net))?,
        b"time" => live.map(|_| Namespace::Time(all.time))?,
        b"time_for_children" => live.map(|_| Namespace::Time(all.time_for_children))?,
        b"uts" => live.map(|_| Namespace::Uts(all.uts))?,
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
        Ok(LinkTarget::File(namespace_file(find(&self.process, self.name.as_bytes())?)))
    }
}

/// Device number of the filesystem that namespaces are files of.
const NSFS_DEVICE: u64 = 4;
/// Its `statfs(2)` magic.
const NSFS_MAGIC: u64 = 0x6e73_6673;

/// The name of the file of a namespace.
fn name_of(namespace: &Namespace) -> String {
    let (kind, id) = namespace.label();
    format!("{kind}:[{id}]")
}

/// The file of a namespace, at a place without a name in any tree.
pub fn namespace_file(namespace: Namespace) -> Arc<OpenFile> {
    let name = name_of(&namespace);
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
        Some(name_of(&self.0))
    }
}
