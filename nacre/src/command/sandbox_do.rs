//! `nacre do`: a program of this machine in a sandbox, its files read-only below, memory above.

use crate::cgroup;
use crate::cli::{self, Do, Global};
use crate::error::{Result, Try, bail};
use crate::starter::{Blueprint, Keys, Sandbox, Streams, accompany, let_go_of_streams, log_of};
use host::launch::IdMaps;
use rustix::process::{Resource, getegid, geteuid, getgroups, getrlimit, umask};
use sentry::{CapabilitySets, Limit, Mount, MountKind, MountOptions, Overlay, Plan, Process, Resources, Tree};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Runs it: the program's status.
pub(crate) fn run(global: &Global, command: &Do) -> Result<u8> {
    let status =
        |error: crate::error::Error| if error.status == 1 { error.with_status(cli::USAGE_STATUS) } else { error };
    attempt(global, command).map_err(status)
}

fn attempt(global: &Global, command: &Do) -> Result<u8> {
    let (plan, id_maps) = plan(global, command)?;
    let mut keys = Keys::catch()?;
    let streams = Streams::own_with_terminal()?;
    if streams.terminal.is_some() {
        keys.share_terminal()?;
    }
    let log = log_of(global)?;
    let blueprint = Blueprint { plan, id_maps, streams, listener: None, log, sentry_oom_score_adj: None };
    let sandbox = Sandbox::make(blueprint)?;
    sandbox.proceed(&[])?;
    let_go_of_streams();
    accompany(&sandbox, keys)
}

fn plan(global: &Global, command: &Do) -> Result<(Plan, IdMaps)> {
    let process = process(command)?;
    let may_map_all = IdMaps::may_map_all();
    let id_maps = if may_map_all { IdMaps::identity()? } else { IdMaps::own_as(process.uid, process.gid) };
    let overlay = match command.overlay {
        cli::Overlay::Memory => Overlay::Memory,
        cli::Overlay::None => Overlay::None,
    };
    let root = fs::canonicalize(&command.rootfs).to(format_args!("use {} as root", command.rootfs.display()))?;
    if !root.is_dir() {
        bail!("cannot use {} as root: it is not a directory", root.display());
    }
    let mut trees = vec![Tree { source: root, read_only: overlay == Overlay::Memory, recursive: true }];
    let mut mounts = standard_mounts();
    for bind in &command.bind {
        mounts.push(parse_bind(bind, &mut trees)?);
    }
    let hostname = match &command.hostname {
        Some(name) => name.clone().into_bytes(),
        None => rustix::system::uname().nodename().to_bytes().to_vec(),
    };
    let plan = Plan {
        trees,
        overlay,
        is_root_read_only: false,
        mounts,
        masked_paths: Vec::new(),
        read_only_paths: Vec::new(),
        shares: sentry::Shares::default(),
        hostname,
        domainname: rustix::system::uname().domainname().to_bytes().to_vec(),
        process,
        is_init_mortal: true,
        unmapped_owner: if may_map_all { OVERFLOW } else { 0 },
        awaits_start: false,
        dies_with_starter: true,
        becomes_root: false,
        strace: global.strace,
        oom_score_adj: None,
        pids_limit: command.pids_limit,
        memory: cgroup::memory_limit(),
        resources: Resources::default(),
    };
    Ok((plan, id_maps))
}

/// /proc/sys/kernel/overflowuid.
const OVERFLOW: u32 = 65534;

/// What every program expects besides its root.
fn standard_mounts() -> Vec<Mount> {
    let strict = MountOptions { read_only: false, nosuid: true, nodev: true, noexec: true };
    let mount = |target: &str, kind, options| Mount { target: target.into(), kind, options, is_optional: true };
    vec![
        mount("/proc", MountKind::Proc, strict),
        mount("/sys", MountKind::Sysfs, MountOptions { read_only: true, ..strict }),
        mount("/dev", MountKind::Dev, MountOptions { nosuid: true, ..MountOptions::default() }),
        mount(
            "/dev/pts",
            MountKind::DevPts(b"mode=620,gid=5,ptmxmode=666".to_vec()),
            MountOptions { nodev: false, ..strict },
        ),
        mount("/dev/mqueue", MountKind::Mqueue, strict),
        mount("/dev/shm", MountKind::Tmpfs(b"mode=1777".to_vec()), MountOptions { noexec: false, ..strict }),
    ]
}

/// `SRC:DST[:ro]`
fn parse_bind(bind: &OsStr, trees: &mut Vec<Tree>) -> Result<Mount> {
    let text = bind.display();
    let mut parts = bind.as_bytes().split(|&byte| byte == b':');
    let (source, target, mode, more) = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(source), Some(target), None) = (source, target, more) else {
        bail!("--bind {text}: write SRC:DST or SRC:DST:ro");
    };
    let read_only = match mode {
        None | Some(b"rw") => false,
        Some(b"ro") => true,
        Some(_) => bail!("--bind {text}: after the second colon only \"ro\" or \"rw\" can stand"),
    };
    if !target.starts_with(b"/") {
        bail!("--bind {text}: the place in the sandbox must begin with a slash");
    }
    let source = fs::canonicalize(OsStr::from_bytes(source)).to(format_args!("bind {text}"))?;
    trees.push(Tree { source, read_only, recursive: true });
    let kind = MountKind::Tree(trees.len() - 1);
    let options = MountOptions { read_only, ..MountOptions::default() };
    Ok(Mount { target: target.to_vec(), kind, options, is_optional: false })
}

fn process(command: &Do) -> Result<Process> {
    let (uid, gid, groups) = if let Some(user) = &command.user {
        let (uid, gid) = parse_user(user)?;
        (uid, gid, Vec::new())
    } else {
        let groups = getgroups().to("read the groups of this process")?;
        (geteuid().as_raw(), getegid().as_raw(), groups.iter().map(|group| group.as_raw()).collect())
    };
    let (cwd, is_cwd_optional) = match &command.cwd {
        Some(cwd) if !cwd.is_absolute() => bail!("--cwd {}: the path must begin with a slash", cwd.display()),
        Some(cwd) => (cwd.clone(), false),
        None => (env::current_dir().unwrap_or_else(|_| "/".into()), true),
    };
    Ok(Process {
        args: command.command.iter().map(|word| word.clone().into_vec()).collect(),
        env: environment(command)?,
        cwd: cwd.into_os_string().into_vec(),
        is_cwd_optional,
        uid,
        gid,
        groups,
        umask: own_umask(),
        capabilities: if uid == 0 { CapabilitySets::all() } else { CapabilitySets::none() },
        limits: own_limits(),
        no_new_privs: false,
        seccomp: None,
    })
}

fn parse_user(user: &str) -> Result<(u32, u32)> {
    let (uid, gid) = user.split_once(':').unwrap_or((user, user));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) if uid != u32::MAX && gid != u32::MAX => Ok((uid, gid)),
        _ => bail!("--user {user}: write numbers, UID or UID:GID"),
    }
}

/// This process's environment with the changes asked for.
fn environment(command: &Do) -> Result<Vec<Vec<u8>>> {
    let own = env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let mut variables: Vec<Vec<u8>> = own.collect();
    for change in &command.env {
        let change = change.as_bytes();
        let Some(equals) = change.iter().position(|&byte| byte == b'=').filter(|&at| at != 0) else {
            bail!("--env {}: write NAME=VALUE", OsStr::from_bytes(change).display());
        };
        let name = &change[..=equals];
        variables.retain(|variable| !variable.starts_with(name));
        variables.push(change.to_vec());
    }
    Ok(variables)
}

fn own_umask() -> u32 {
    let mask = umask(rustix::fs::Mode::empty());
    umask(mask);
    mask.as_raw_mode()
}

/// `RLIMIT_*` numbers of x86-64.
const LIMITS: [(u32, Resource); 16] = [
    (0, Resource::Cpu),
    (1, Resource::Fsize),
    (2, Resource::Data),
    (3, Resource::Stack),
    (4, Resource::Core),
    (5, Resource::Rss),
    (6, Resource::Nproc),
    (7, Resource::Nofile),
    (8, Resource::Memlock),
    (9, Resource::As),
    (10, Resource::Locks),
    (11, Resource::Sigpending),
    (12, Resource::Msgqueue),
    (13, Resource::Nice),
    (14, Resource::Rtprio),
    (15, Resource::Rttime),
];

fn own_limits() -> Vec<Limit> {
    let limit = |(resource, name): (u32, Resource)| {
        let limit = getrlimit(name);
        Limit { resource, soft: limit.current.unwrap_or(u64::MAX), hard: limit.maximum.unwrap_or(u64::MAX) }
    };
    LIMITS.into_iter().map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn parse(words: &[&str]) -> Do {
        let words = [&["nacre", "do"], words].concat();
        match cli::Arguments::try_parse_from(words).unwrap().command {
            cli::Command::Do(command) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_keeps_its_own_options() {
        assert_eq!(parse(&["ls", "-l", "--bind", "x"]).command, ["ls", "-l", "--bind", "x"]);
        assert_eq!(parse(&["--cwd", "/", "--", "-x"]).command, ["-x"]);
    }

    #[test]
    fn users() {
        assert_eq!(parse_user("5").unwrap(), (5, 5));
        assert_eq!(parse_user("5:6").unwrap(), (5, 6));
        for bad in ["", "root", "1:", "-1", "4294967295"] {
            assert!(parse_user(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn binds() {
        let mut trees = Vec::new();
        let mount = parse_bind(OsStr::new("/:/host:ro"), &mut trees).unwrap();
        assert_eq!(
            (mount.target.as_slice(), mount.kind, mount.options.read_only),
            (&b"/host"[..], MountKind::Tree(0), true)
        );
        for bad in ["", "/", "/:", "/:relative", "/:/a:rx", "/:/a:ro:x", "/no/such/file:/a"] {
            assert!(parse_bind(OsStr::new(bad), &mut trees).is_err(), "{bad}");
        }
    }

    #[test]
    fn variables_are_replaced() {
        let variables = environment(&parse(&["--env", "PATH=/x", "--env", "PATH=/y", "true"])).unwrap();
        let paths: Vec<_> = variables.iter().filter(|variable| variable.starts_with(b"PATH=")).collect();
        assert_eq!(paths, [b"PATH=/y"]);
        assert!(environment(&parse(&["--env", "=x", "true"])).is_err());
    }
}
