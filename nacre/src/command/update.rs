//! `nacre update`.

use crate::bundle::{Bundle, read_whole};
use crate::cgroup::Cgroup;
use crate::cli::{Global, Update};
use crate::container::{Status, Store, ask};
use crate::error::{Result, Try, bail};
use crate::report::Report;
use oci_spec::runtime::{LinuxMemory, LinuxPids, LinuxResources};
use sentry::control::Order;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;

/// Changes the limits of a container.
pub(crate) fn run(global: &Global, command: &Update) -> Result<u8> {
    let mut resources = match &command.resources {
        Some(path) => read(path)?,
        None => serde_json::from_value(resources(command)).to("use these options")?,
    };
    // What is 0 stays as it is.
    if resources.pids().as_ref().is_some_and(|pids| pids.limit() == 0) {
        resources.set_pids(None);
    }
    let entry = Store::new(global).open(&command.id)?;
    let record = entry.read()?;
    if entry.status(&record) == Status::Stopped {
        bail!("cannot change the limits of container \"{}\": it is not running", entry.id);
    }
    let bundle = Bundle::load(&record.bundle)?;
    let groups = Cgroup::plan(bundle.cgroup(), &record.id, Some(&resources))?;
    groups.update(&Report::new(global))?;
    let tasks = resources.pids().as_ref().map(LinuxPids::limit);
    let memory = resources.memory().as_ref().and_then(LinuxMemory::limit).filter(|&limit| limit != 0);
    ask(&entry, &record, &Order::Limit { tasks, memory })?;
    Ok(0)
}

/// `linux.resources` from a file, or from standard input: `-`.
fn read(path: &Path) -> Result<LinuxResources> {
    let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    let what = format!("read {}", path.display());
    let text = read_whole(File::open(path).to(&what)?, &what)?;
    serde_json::from_slice(&text).to(&what)
}

/// What the options say, in the words of config.json.
fn resources(command: &Update) -> Value {
    let without_null = |fields: Value| match fields {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    };
    let pids = command.pids_limit.map(|limit| json!({"limit": limit}));
    let block = command.blkio_weight.map(|weight| json!({"weight": weight}));
    without_null(json!({
        "memory": without_null(json!({
            "limit": command.memory,
            "reservation": command.memory_reservation,
            "swap": command.memory_swap,
        })),
        "cpu": without_null(json!({
            "shares": command.cpu_share,
            "period": command.cpu_period,
            "quota": command.cpu_quota,
            "cpus": command.cpuset_cpus,
            "mems": command.cpuset_mems,
            "idle": command.cpu_idle,
        })),
        "pids": pids,
        "blockIO": block,
    }))
}
