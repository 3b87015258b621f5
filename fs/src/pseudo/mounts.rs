//! Makes the filesystems of code, and the devices, known to the vfs.

use super::filesystem::PseudoFs;
use crate::devpts::{DevPts, Options};
use crate::proc::procfs;
use crate::sys::{Limits, Machine, cgroup2, sysfs};
use crate::tty::{KernelJobs, Terminals};
use abi::Errno;
use abi::mount::MountFlags;
use kernel::{Kernel, Namespaces, Task};
use std::sync::{Arc, Weak};
use vfs::{Caller, Filesystem, FilesystemType, UserNamespace, Vfs};

/// Makes an instance with a device number, by the options of `mount(2)`.
type Make = Box<dyn Fn(&Caller, u64, &[u8]) -> Result<Arc<PseudoFs>, Errno> + Send + Sync>;

/// Which of a task's namespaces a filesystem shows: its owner's root may mount it.
type Owner = fn(&Namespaces) -> Option<Arc<UserNamespace>>;

/// A kind of filesystem as a function.
struct Kind {
    name: &'static str,
    owner: Owner,
    vfs: Weak<Vfs>,
    make: Make,
}

impl FilesystemType for Kind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_user_mountable(&self) -> bool {
        true
    }

    fn owner(&self, caller: &Caller) -> Arc<UserNamespace> {
        let owner = Task::of(caller).and_then(|task| (self.owner)(&task.attributes().namespaces));
        owner.unwrap_or_else(|| caller.creds.user_ns.clone())
    }

    fn mount(
        &self,
        caller: &Caller,
        _source: &[u8],
        _flags: MountFlags,
        data: &[u8],
    ) -> Result<Arc<dyn Filesystem>, Errno> {
        let vfs = self.vfs.upgrade().ok_or(Errno::ENODEV)?;
        Ok((self.make)(caller, vfs.new_device(), data)?)
    }
}

/// Options that a proc may have; what they hide is not hidden.
fn check_proc_options(data: &[u8]) -> Result<(), Errno> {
    let mut options = data.split(|&byte| byte == b',').filter(|option| !option.is_empty());
    let is_known =
        |option: &[u8]| [&b"hidepid="[..], b"gid=", b"subset=pid"].iter().any(|name| option.starts_with(name));
    if options.all(is_known) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn no_options(data: &[u8]) -> Result<(), Errno> {
    if data.is_empty() { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Registers the kinds proc, sysfs, devpts and cgroup2 and the devices of memory and terminals. The terminals
/// become a part of the kernel. Once, at boot.
pub fn register(kernel: &Arc<Kernel>, vfs: &Arc<Vfs>) -> Arc<Terminals> {
    let terminals = Terminals::new(KernelJobs::new(kernel));
    terminals.register(vfs.devices());
    kernel.set_part(terminals.clone());
    crate::dev::register(vfs);
    let add = |name, owner: Owner, make: Make| {
        vfs.register_filesystem(Arc::new(Kind { name, owner, vfs: Arc::downgrade(vfs), make }));
    };
    // The kernel owns the vfs by its processes.
    let weak = Arc::downgrade(kernel);
    add(
        "proc",
        |namespaces| Some(namespaces.pid_for_children.owner.clone()),
        Box::new(move |caller, device, data| {
            check_proc_options(data)?;
            let kernel = weak.upgrade().ok_or(Errno::ENODEV)?;
            let ns = Task::of(caller).map_or_else(|| kernel.root_pids().clone(), Task::pid_namespace);
            Ok(procfs(kernel, ns, device))
        }),
    );
    add(
        "sysfs",
        |namespaces| Some(namespaces.net.owner().clone()),
        Box::new(|caller, device, data| {
            no_options(data)?;
            Ok(sysfs(Machine::seen_by(caller), device))
        }),
    );
    add(
        "cgroup2",
        |namespaces| Some(namespaces.cgroup.owner.clone()),
        Box::new(|_, device, _| Ok(cgroup2(device, Limits::default()))),
    );
    let weak = Arc::downgrade(&terminals);
    add(
        "devpts",
        |_| None,
        Box::new(move |caller, device, data| {
            let terminals = weak.upgrade().ok_or(Errno::ENODEV)?;
            Ok(DevPts::new(terminals, Options::parse(data)?.within(&caller.creds.user_ns)?).filesystem(device))
        }),
    );
    terminals
}
