//! `process` of `config.json`.

use super::checks::{absolute, no_nul};
use crate::error::{Result, bail};
use oci_spec::runtime::{self, LinuxCapabilities, PosixRlimit, PosixRlimitType};
use sentry::{CapabilitySets, Limit, Process};
use std::os::unix::ffi::OsStrExt as _;

/// Bytes of arguments and environment together: what execve(2) takes with an unlimited stack.
const LONGEST: usize = 6 << 20;

/// Supplementary groups: `NGROUPS_MAX`.
const GROUPS: usize = 65536;

/// A program and its process.
pub(crate) fn process(process: &runtime::Process) -> Result<Process> {
    let args = words(process.args().as_ref(), "process.args")?;
    if args.first().is_none_or(Vec::is_empty) {
        bail!("process.args names no program");
    }
    let env = words(process.env().as_ref(), "process.env")?;
    if args.iter().chain(&env).map(|word| word.len() + 9).sum::<usize>() > LONGEST {
        bail!("process.args and process.env are longer than {LONGEST} bytes");
    }
    absolute(process.cwd(), "process.cwd")?;
    let user = process.user();
    let groups = user.additional_gids().clone().unwrap_or_default();
    if groups.len() > GROUPS {
        bail!("process.user.additionalGids: {} are too many; Linux takes {GROUPS}", groups.len());
    }
    Ok(Process {
        args,
        env,
        cwd: process.cwd().as_os_str().as_bytes().to_vec(),
        is_cwd_optional: false,
        uid: user.uid(),
        gid: user.gid(),
        groups,
        umask: user.umask().unwrap_or(0o022) & 0o777,
        capabilities: process.capabilities().as_ref().map(capabilities).unwrap_or_default(),
        limits: process.rlimits().iter().flatten().map(limit).collect::<Result<_>>()?,
        no_new_privs: process.no_new_privileges().unwrap_or(false),
        seccomp: None,
    })
}

/// Size that the terminal of a process shall have: rows and columns.
pub(crate) fn terminal_size(process: &runtime::Process) -> Option<(u16, u16)> {
    let size = process.console_size()?;
    let capped = |value: u64| u16::try_from(value).unwrap_or(u16::MAX);
    Some((capped(size.height()), capped(size.width())))
}

fn words(list: Option<&Vec<String>>, key: &str) -> Result<Vec<Vec<u8>>> {
    let word = |word: &String| no_nul(word, key).map(|()| word.as_bytes().to_vec());
    list.into_iter().flatten().map(word).collect()
}

/// Names by number: capabilities(7).
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// A capability by its name, with or without `CAP_`.
pub(crate) fn capability(name: &str) -> Result<runtime::Capability> {
    let bare = name.to_ascii_uppercase();
    let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
    match bare.parse() {
        Ok(capability) if CAPABILITIES.contains(&bare) => Ok(capability),
        _ => bail!("\"{name}\" is no capability: see capabilities(7)"),
    }
}

fn capabilities(sets: &LinuxCapabilities) -> CapabilitySets {
    let bits = |set: &Option<runtime::Capabilities>| {
        let names = set.iter().flatten().map(ToString::to_string);
        names.fold(0, |bits, name| match CAPABILITIES.iter().position(|known| *known == name) {
            Some(number) => bits | 1 << number,
            None => bits,
        })
    };
    CapabilitySets {
        effective: bits(sets.effective()),
        permitted: bits(sets.permitted()),
        inheritable: bits(sets.inheritable()),
        bounding: bits(sets.bounding()),
        ambient: bits(sets.ambient()),
    }
}

fn limit(limit: &PosixRlimit) -> Result<Limit> {
    let resource = match limit.typ() {
        PosixRlimitType::RlimitCpu => 0,
        PosixRlimitType::RlimitFsize => 1,
        PosixRlimitType::RlimitData => 2,
        PosixRlimitType::RlimitStack => 3,
        PosixRlimitType::RlimitCore => 4,
        PosixRlimitType::RlimitRss => 5,
        PosixRlimitType::RlimitNproc => 6,
        PosixRlimitType::RlimitNofile => 7,
        PosixRlimitType::RlimitMemlock => 8,
        PosixRlimitType::RlimitAs => 9,
        PosixRlimitType::RlimitLocks => 10,
        PosixRlimitType::RlimitSigpending => 11,
        PosixRlimitType::RlimitMsgqueue => 12,
        PosixRlimitType::RlimitNice => 13,
        PosixRlimitType::RlimitRtprio => 14,
        PosixRlimitType::RlimitRttime => 15,
    };
    if limit.soft() > limit.hard() {
        bail!("process.rlimits: the soft limit {} of {:?} is above the hard one", limit.soft(), limit.typ());
    }
    Ok(Limit { resource, soft: limit.soft(), hard: limit.hard() })
}
