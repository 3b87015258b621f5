//! Version 2: files and their values.

use super::settings::{Setting, host_pids};
use crate::error::{Result, bail};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The settings.
pub(super) fn settings(resources: &LinuxResources) -> Result<Vec<Setting>> {
    let mut settings = Vec::new();
    if let Some(memory) = resources.memory() {
        settings.extend(memory_settings(memory)?);
    }
    if let Some(cpu) = resources.cpu() {
        settings.extend(cpu_settings(cpu));
    }
    if let Some(pids) = resources.pids() {
        settings.push(Setting::new("pids.max", limit(host_pids(pids.limit()).max(-1) * i64::from(pids.limit() > 0))));
    }
    if let Some(weight) = resources.block_io().as_ref().and_then(LinuxBlockIo::weight).filter(|&weight| weight != 0) {
        // 10 to 1000 becomes 1 to 10000.
        let weight = 1 + (u64::from(weight).saturating_sub(10)) * 9999 / 990;
        settings.push(Setting::new("io.weight", weight));
    }
    for page in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.max", page.page_size().replace('/', ""));
        settings.push(Setting { file, value: limit(page.limit()) });
    }
    for (file, value) in resources.unified().iter().flatten() {
        if file.contains('/') || !file.contains('.') || file.starts_with("cgroup.") {
            bail!("linux.resources.unified: \"{file}\" is not a controller's file");
        }
        settings.push(Setting::new(file, value));
    }
    Ok(settings)
}

fn limit(value: i64) -> String {
    if value <= 0 { "max".to_owned() } else { value.to_string() }
}

fn memory_settings(memory: &LinuxMemory) -> Result<Vec<Setting>> {
    let mut settings = Vec::new();
    if let Some(bytes) = memory.limit().filter(|&bytes| bytes != 0) {
        settings.push(Setting::new("memory.max", limit(bytes)));
    }
    if let Some(bytes) = memory.reservation().filter(|&bytes| bytes != 0) {
        settings.push(Setting::new("memory.low", limit(bytes)));
    }
    // The specification's figure counts memory and swap together.
    match (memory.swap().filter(|&swap| swap != 0), memory.limit()) {
        (None, _) => {}
        (Some(-1), _) => settings.push(Setting::new("memory.swap.max", "max")),
        (Some(both), Some(bytes)) if bytes > 0 && both >= bytes => {
            settings.push(Setting::new("memory.swap.max", both - bytes));
        }
        (Some(both), _) => bail!("linux.resources.memory: swap ({both}) is less than limit, or there is no limit"),
    }
    Ok(settings)
}

fn cpu_settings(cpu: &LinuxCpu) -> Vec<Setting> {
    let mut settings = Vec::new();
    if let Some(shares) = cpu.shares().filter(|&shares| shares != 0) {
        // 2 to 262144 becomes 1 to 10000.
        let weight = 1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142;
        settings.push(Setting::new("cpu.weight", weight));
    }
    if cpu.quota().is_some() || cpu.period().is_some() {
        let quota = limit(cpu.quota().unwrap_or(-1));
        let period = cpu.period().filter(|&period| period != 0).unwrap_or(100_000);
        settings.push(Setting { file: "cpu.max".to_owned(), value: format!("{quota} {period}") });
    }
    if let Some(idle) = cpu.idle() {
        settings.push(Setting::new("cpu.idle", idle));
    }
    for (file, list) in [("cpuset.cpus", cpu.cpus()), ("cpuset.mems", cpu.mems())] {
        settings.extend(list.iter().filter(|list| !list.is_empty()).map(|list| Setting::new(file, list)));
    }
    settings
}

/// Hands the controllers that are needed down to the group. What can't be handed down shows when the
/// setting is written.
pub(super) fn prepare(mount: &Path, dir: &Path, settings: &[Setting]) {
    let controllers: BTreeSet<&str> =
        settings.iter().filter_map(|setting| setting.file.split_once('.')).map(|(name, _)| name).collect();
    let mut above: Vec<&Path> = dir.ancestors().skip(1).take_while(|above| above.starts_with(mount)).collect();
    above.reverse();
    for parent in above {
        for controller in &controllers {
            let _ = fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}"));
        }
    }
}
