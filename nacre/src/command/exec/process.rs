//! What `nacre exec` is to run: like the container's first program, but for what the options say.

use crate::bundle::{Bundle, capability, read_whole};
use crate::cli::Exec;
use crate::error::{Result, Try, bail};
use oci_spec::runtime::{Capabilities, LinuxCapabilities, Process, User};
use std::fs::File;
use std::path::Path;

/// The process that the options describe.
pub(super) fn build(command: &Exec, bundle: Result<Bundle>) -> Result<Process> {
    let mut process = match &command.process {
        Some(path) => read(path, bundle.ok().as_ref().and_then(Bundle::process))?,
        None => like_first(command, &bundle?)?,
    };
    if command.tty {
        process.set_terminal(Some(true));
    }
    if command.no_new_privs {
        process.set_no_new_privileges(Some(true));
    }
    Ok(process)
}

/// A process from a file. What it leaves out of rights and limits is as for the first one.
fn read(path: &Path, first: Option<&Process>) -> Result<Process> {
    let what = format!("read {}", path.display());
    let text = read_whole(File::open(path).to(&what)?, &what)?;
    let mut process: Process = serde_json::from_slice(&text).to(&what)?;
    if process.capabilities().is_none() {
        process.set_capabilities(first.and_then(|first| first.capabilities().clone()));
    }
    if process.rlimits().is_none() {
        process.set_rlimits(first.and_then(|first| first.rlimits().clone()));
    }
    Ok(process)
}

fn like_first(command: &Exec, bundle: &Bundle) -> Result<Process> {
    let Some(first) = bundle.process() else { bail!("config.json lacks \"process\"") };
    let mut process = first.clone();
    process.set_args(Some(command.command.clone()));
    process.set_terminal(Some(false));
    if let Some(cwd) = &command.cwd {
        process.set_cwd(cwd.clone());
    }
    let mut env = process.env().clone().unwrap_or_default();
    for change in &command.env {
        let Some(end) = change.find('=').filter(|&end| end != 0) else { bail!("--env {change}: write NAME=VALUE") };
        let name = change.get(..=end).unwrap_or_default();
        env.retain(|variable| !variable.starts_with(name));
        env.push(change.clone());
    }
    process.set_env(Some(env));
    let mut user = process.user().clone();
    if let Some(text) = &command.user {
        set_ids(&mut user, text)?;
    }
    if !command.additional_gids.is_empty() {
        let mut groups = user.additional_gids().clone().unwrap_or_default();
        groups.extend(&command.additional_gids);
        user.set_additional_gids(Some(groups));
    }
    process.set_user(user);
    if !command.cap.is_empty() {
        let added = command.cap.iter().map(|name| capability(name)).collect::<Result<Capabilities>>()?;
        process.set_capabilities(Some(with(process.capabilities().clone().unwrap_or_default(), &added)));
    }
    Ok(process)
}

/// `UID[:GID]`; the group stays as it is without one.
fn set_ids(user: &mut User, text: &str) -> Result<()> {
    let (uid, gid) = text.split_once(':').map_or((text, None), |(uid, gid)| (uid, Some(gid)));
    let number = |word: &str| word.parse().ok().filter(|&id| id != u32::MAX);
    match (number(uid), gid.map(number)) {
        (Some(uid), None) => user.set_uid(uid),
        (Some(uid), Some(Some(gid))) => user.set_uid(uid).set_gid(gid),
        _ => bail!("--user {text}: write numbers, UID or UID:GID"),
    };
    Ok(())
}

/// These capabilities besides.
fn with(mut sets: LinuxCapabilities, added: &Capabilities) -> LinuxCapabilities {
    let joined = |set: &Option<Capabilities>| Some(set.iter().flatten().chain(added).copied().collect());
    sets.set_bounding(joined(sets.bounding()));
    sets.set_effective(joined(sets.effective()));
    sets.set_permitted(joined(sets.permitted()));
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let mut user = User::default();
        user.set_gid(7);
        set_ids(&mut user, "5").unwrap();
        assert_eq!((user.uid(), user.gid()), (5, 7));
        set_ids(&mut user, "6:8").unwrap();
        assert_eq!((user.uid(), user.gid()), (6, 8));
        for bad in ["", "root", "1:", ":1", "-1", "4294967295"] {
            assert!(set_ids(&mut user, bad).is_err(), "{bad}");
        }
    }
}
