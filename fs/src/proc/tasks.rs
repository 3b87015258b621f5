//! /proc/PID/task: the threads of a process.

use super::process::{Process, process_dir};
use super::root::parse_id;
use crate::pseudo::{Child, Name, Object, Subject};
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use vfs::{CachePolicy, Caller};

/// The directory of a process's threads.
pub(super) struct TaskDir {
    process: Process,
}

impl TaskDir {
    pub(super) const fn new(process: Process) -> Self {
        Self { process }
    }

    fn ids(&self) -> Vec<i32> {
        let ns = &self.process.root.ns;
        let tasks = self.process.task.group().all_tasks();
        let mut ids: Vec<i32> = tasks.iter().map(|task| task.tid_in(ns)).filter(|&id| id != 0).collect();
        ids.sort_unstable();
        ids
    }
}

impl Object for TaskDir {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        0o555
    }

    fn owner(&self) -> (u32, u32) {
        self.process.owner(true)
    }

    fn links(&self) -> u32 {
        2 + self.ids().len() as u32
    }

    fn cache_policy(&self) -> CachePolicy {
        CachePolicy::Never
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        let root = &self.process.root;
        let id = parse_id(name).ok_or(Errno::ENOENT)?;
        let task = root.kernel.tree().task(&root.ns, id).ok_or(Errno::ENOENT)?;
        if !Arc::ptr_eq(task.group(), self.process.task.group()) {
            return Err(Errno::ENOENT);
        }
        Ok(Child::Object(process_dir(Process::new(root.clone(), task, true))))
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        if after == 0 {
            self.process.check_exists().map_err(|_| Errno::ENOENT)?;
        }
        let names = self.ids().into_iter().map(|id| Name {
            name: id.to_string().into_bytes(),
            kind: FileType::Directory,
            ino: None,
            key: id as u64,
        });
        Ok(names.filter(|name| name.key > after).collect())
    }
}
