//! Version 1: files and their values.

use super::settings::{Setting, host_pids};
use oci_spec::runtime::LinuxResources;
use std::fs;
use std::io;
use std::path::Path;

/// The settings of the hierarchy with these controllers.
pub(super) fn settings(resources: &LinuxResources, controllers: &[String]) -> Vec<Setting> {
    let has = |name: &str| controllers.iter().any(|controller| controller == name);
    let mut settings = Vec::new();
    let mut set = |file: &str, value: Option<String>| {
        settings.extend(value.map(|value| Setting { file: file.to_owned(), value }));
    };
    if let Some(memory) = resources.memory().as_ref().filter(|_| has("memory")) {
        set("memory.limit_in_bytes", text(memory.limit().filter(|&limit| limit != 0)));
        set("memory.soft_limit_in_bytes", text(memory.reservation().filter(|&limit| limit != 0)));
        set("memory.memsw.limit_in_bytes", text(memory.swap().filter(|&swap| swap != 0)));
        set("memory.swappiness", text(memory.swappiness()));
        set("memory.oom_control", memory.disable_oom_killer().filter(|&off| off).map(|_| "1".to_owned()));
    }
    if let Some(cpu) = resources.cpu() {
        if has("cpu") {
            set("cpu.shares", text(cpu.shares().filter(|&shares| shares != 0)));
            set("cpu.cfs_period_us", text(cpu.period().filter(|&period| period != 0)));
            set("cpu.cfs_quota_us", text(cpu.quota().filter(|&quota| quota != 0)));
        }
        if has("cpuset") {
            set("cpuset.cpus", cpu.cpus().clone().filter(|cpus| !cpus.is_empty()));
            set("cpuset.mems", cpu.mems().clone().filter(|mems| !mems.is_empty()));
        }
    }
    if let Some(pids) = resources.pids().as_ref().filter(|_| has("pids")) {
        set("pids.max", Some(if pids.limit() > 0 { host_pids(pids.limit()).to_string() } else { "max".to_owned() }));
    }
    if let Some(block) = resources.block_io().as_ref().filter(|_| has("blkio")) {
        set("blkio.weight", text(block.weight().filter(|&weight| weight != 0)));
    }
    for limit in resources.hugepage_limits().iter().flatten().filter(|_| has("hugetlb")) {
        set(&format!("hugetlb.{}.limit_in_bytes", limit.page_size().replace('/', "")), text(Some(limit.limit())));
    }
    settings
}

fn text(value: Option<impl ToString>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// A fresh cpuset takes no process before it has cores and memory nodes: those of its parent.
pub(super) fn prepare(mount: &Path, dir: &Path, controllers: &[String]) -> io::Result<()> {
    if !controllers.iter().any(|controller| controller == "cpuset") {
        return Ok(());
    }
    let mut path: Vec<&Path> = dir.ancestors().take_while(|dir| *dir != mount).collect();
    path.reverse();
    for dir in path {
        let Some(parent) = dir.parent() else { continue };
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if fs::read_to_string(dir.join(file))?.trim().is_empty() {
                fs::write(dir.join(file), fs::read_to_string(parent.join(file))?.trim())?;
            }
        }
    }
    Ok(())
}
