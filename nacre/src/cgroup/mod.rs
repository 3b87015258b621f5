//! Control groups of the host: cgroups(7). Plain directories; version 1, version 2, or both side by side.

mod hierarchy;
mod memory;
mod path;
mod settings;
mod v1;
mod v2;

use crate::error::{Result, Try, bail};
use crate::report::Report;
use hierarchy::{Hierarchy, Version};
pub(crate) use memory::memory_limit;
use oci_spec::runtime::{LinuxMemory, LinuxPids, LinuxResources};
use sentry::control::FILES_MAX;
use settings::Setting;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// The control groups of a container, one in each hierarchy.
pub(crate) struct Cgroup {
    groups: Vec<Group>,
    pids_limit: Option<u64>,
    memory_limit: Option<u64>,
}

struct Group {
    /// Mount point of the hierarchy.
    mount: PathBuf,
    /// The group's directory.
    dir: PathBuf,
    settings: Vec<Setting>,
    version: Version,
}

impl Cgroup {
    /// What is to be made. Nothing when the bundle asks for neither a path nor limits.
    pub(crate) fn plan(path: Option<&Path>, id: &str, resources: Option<&LinuxResources>) -> Result<Self> {
        // What is not positive is no limit.
        let positive = |limit: i64| u64::try_from(limit).ok().filter(|&limit| limit > 0);
        let pids = resources.and_then(|resources| resources.pids().as_ref());
        let pids_limit = pids.map(LinuxPids::limit).and_then(positive);
        let memory = resources.and_then(|resources| resources.memory().as_ref());
        let memory_limit = memory.and_then(LinuxMemory::limit).and_then(positive);
        if path.is_none() && resources.is_none() {
            return Ok(Self { groups: Vec::new(), pids_limit, memory_limit });
        }
        let relative = path::relative(path, id)?;
        let groups = hierarchy::mounted().into_iter().map(|hierarchy| {
            let Hierarchy { mount, version } = hierarchy;
            let settings = match (&version, resources) {
                (_, None) => Vec::new(),
                (Version::One(controllers), Some(resources)) => v1::settings(resources, controllers),
                (Version::Two, Some(resources)) => v2::settings(resources)?,
            };
            Ok(Group { dir: mount.join(&relative), mount, settings, version })
        });
        Ok(Self { groups: groups.collect::<Result<_>>()?, pids_limit, memory_limit })
    }

    /// There are none to be made.
    pub(crate) const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Most tasks at a time.
    pub(crate) const fn pids_limit(&self) -> Option<u64> {
        self.pids_limit
    }

    /// Most bytes of memory: those of the bundle, whether the host permits the group or not, and of the groups that are
    /// there and that its processes will be in.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        let above = match &self.groups[..] {
            [] => memory_limit(),
            groups => groups.iter().filter_map(|group| memory::least(&group.mount, &group.dir, &group.version)).min(),
        };
        self.memory_limit.into_iter().chain(above).min()
    }

    /// Sets other limits where the groups are.
    pub(crate) fn update(&self, report: &Report) -> Result<()> {
        for group in &self.groups {
            if group.settings.is_empty() {
                continue;
            }
            match group.set() {
                Err(error) if is_refusal(&error) || error.kind() == io::ErrorKind::NotFound => {
                    report.warn(&format!("limits of the control group {} are not set: {error}", group.dir.display()));
                }
                result => result.to(format_args!("change the control group {}", group.dir.display()))?,
            }
        }
        Ok(())
    }

    /// Directories that are not there yet, the deepest first.
    pub(crate) fn missing_dirs(&self) -> Vec<PathBuf> {
        let missing = |group: &Group| {
            let above = group.dir.ancestors().take_while(|dir| *dir != group.mount && !dir.exists());
            above.map(Path::to_path_buf).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(missing).collect()
    }

    /// Makes the groups, sets the limits and moves the process in. What the host does not permit is left out
    /// with a warning. `may_enter`: the process is going to enter groups itself where that is quicker, by the files that
    /// are returned.
    pub(crate) fn make(&self, pid: i32, may_enter: bool, report: &Report) -> Result<Vec<OwnedFd>> {
        let mut refusals = Vec::new();
        let mut doors = Vec::new();
        for group in &self.groups {
            let may_enter = may_enter && doors.len() < FILES_MAX;
            match group.make(pid, may_enter) {
                Ok(door) => doors.extend(door),
                Err(error) if is_refusal(&error) => {
                    if !group.settings.is_empty() {
                        refusals.push(format!("{} ({error})", group.dir.display()));
                    }
                }
                Err(error) => bail!("cannot set up the control group {}: {error}", group.dir.display()),
            }
        }
        if !refusals.is_empty() {
            let groups = refusals.join(", ");
            report.warn(&format!("the host does not permit these control groups, their limits are not set: {groups}"));
        }
        Ok(doors)
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

impl Group {
    /// Sets the limits. Of two that bound each other, as memory alone and with swap, either may have to be first.
    fn set(&self) -> io::Result<()> {
        let refused: Vec<_> = self.settings.iter().filter(|setting| setting.write(&self.dir).is_err()).collect();
        refused.into_iter().rev().try_for_each(|setting| setting.write(&self.dir))
    }

    fn make(&self, pid: i32, may_enter: bool) -> io::Result<Option<OwnedFd>> {
        // Another container's end may remove a common parent in between.
        let made = (0..8)
            .map(|_| fs::create_dir_all(&self.dir))
            .find(|made| made.as_ref().err().is_none_or(|error| error.kind() != io::ErrorKind::NotFound));
        made.unwrap_or_else(|| fs::create_dir_all(&self.dir))?;
        match &self.version {
            Version::One(controllers) => v1::prepare(&self.mount, &self.dir, controllers)?,
            Version::Two => v2::prepare(&self.mount, &self.dir, &self.settings),
        }
        for setting in &self.settings {
            setting.write(&self.dir)?;
        }
        // In version 2 a thread cannot move alone.
        if may_enter && matches!(self.version, Version::One(_)) {
            return OpenOptions::new().write(true).open(self.dir.join("tasks")).map(|file| Some(file.into()));
        }
        fs::write(self.dir.join("cgroup.procs"), pid.to_string()).map(|()| None)
    }
}

/// Removes directories of control groups, the deepest first. Those that others have begun to use stay.
pub(crate) fn remove(dirs: &[PathBuf]) -> Result<()> {
    for (index, dir) in dirs.iter().enumerate() {
        // A parent that others use is busy for good; the group itself only until its last process is reaped.
        let is_parent = index > 0 && dirs.get(index - 1).is_some_and(|deeper| deeper.starts_with(dir));
        let tries = if is_parent { 1 } else { 200 };
        remove_one(dir, tries)
            .or_else(|error| if is_parent { Ok(()) } else { Err(error) })
            .to(format_args!("remove the control group {}", dir.display()))?;
    }
    Ok(())
}

fn remove_one(dir: &Path, tries: u32) -> io::Result<()> {
    for left in (0..tries).rev() {
        match fs::remove_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && left > 0 => sleep(Duration::from_millis(10)),
            result => return result,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
