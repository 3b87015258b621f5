//! An OCI bundle: `config.json` becomes what the sentry is told.

mod checks;
mod ids;
mod mounts;
mod pod;
mod process;
mod resources;
mod seccomp;

use crate::error::{Result, Try, bail};
use checks::{absolute, no_nul};
use host::launch::IdMaps;
use oci_spec::runtime::{self, Hooks, LinuxNamespace, LinuxNamespaceType, LinuxResources, Spec};
use sentry::{Filter, Overlay, Plan, Process, Shares, Tree};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

pub(crate) use process::{capability, process, terminal_size};

/// Largest `config.json`, or part of one.
const LONGEST: u64 = 16 << 20;

/// More than most of them have: read at once.
const USUAL: usize = 16 << 10;

/// The annotation that chooses what lies above the root: `memory` or `none`.
const OVERLAY: &str = "dev.nacre.overlay";

/// A bundle.
pub(crate) struct Bundle {
    /// Its directory, absolute.
    pub dir: PathBuf,
    spec: Spec,
}

impl Bundle {
    /// Reads and checks `config.json`.
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        let dir = fs::canonicalize(dir).to(format_args!("find the bundle {}", dir.display()))?;
        let path = dir.join("config.json");
        let what = format!("read {}", path.display());
        let file = File::open(&path).to(format_args!("{what} (is this a bundle? see --bundle)"))?;
        let text = read_whole(file, &what)?;
        let spec: Spec = serde_json::from_slice(&text).to(&what)?;
        let version = spec.version();
        if version.split('.').next() != Some("1") {
            bail!("cannot use {}: ociVersion is \"{version}\"; this runtime knows version 1", path.display());
        }
        let bundle = Self { dir, spec };
        bundle.check().map_err(|error| crate::error::Error::new(format_args!("{}: {error}", path.display())))?;
        Ok(bundle)
    }

    /// Refuses what the sandbox can't do and must not leave out silently.
    fn check(&self) -> Result<()> {
        let is_first = self.sandbox()?.is_none();
        for namespace in self.namespaces().filter(|_| is_first) {
            let Some(path) = namespace.path() else { continue };
            // A network namespace is where the engine has put an interface. The guest has loopback alone so
            // far; that is less than it could expect, not more.
            if namespace.typ() != LinuxNamespaceType::Network {
                bail!(
                    "linux.namespaces: cannot join the {} namespace {}: a sandbox has its own; leave the path out",
                    namespace.typ(),
                    path.display()
                );
            }
        }
        if self.hooks().is_some_and(|hooks| hooks.start_container().as_ref().is_some_and(|list| !list.is_empty())) {
            bail!("hooks.startContainer is not supported: such hooks would have to run inside the sandbox");
        }
        Ok(())
    }

    fn namespaces(&self) -> impl Iterator<Item = &LinuxNamespace> {
        let list = self.spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
        list.into_iter().flatten()
    }

    /// What the sentry is told.
    pub(crate) fn plan(&self, id_maps: &IdMaps, strace: bool) -> Result<Plan> {
        let Some(first) = self.spec.process() else { bail!("config.json lacks \"process\"") };
        let Some(root) = self.spec.root() else { bail!("config.json lacks \"root\"") };
        let overlay = self.overlay()?;
        let path = self.dir.join(root.path());
        let source = fs::canonicalize(&path).to(format_args!("use {} as root", path.display()))?;
        if !source.is_dir() {
            bail!("cannot use {} as root: it is not a directory", source.display());
        }
        let is_root_read_only = root.readonly().unwrap_or(false);
        let read_only = overlay == Overlay::Memory || is_root_read_only;
        let mut trees = vec![Tree { source, read_only, recursive: true }];
        let mounts = mounts::mounts(self.spec.mounts().as_deref().unwrap_or_default(), &self.dir, &mut trees)?;
        let linux = self.spec.linux().as_ref();
        Ok(Plan {
            trees,
            overlay,
            is_root_read_only,
            mounts,
            masked_paths: paths(linux.and_then(|linux| linux.masked_paths().as_ref()), "maskedPaths")?,
            read_only_paths: paths(linux.and_then(|linux| linux.readonly_paths().as_ref()), "readonlyPaths")?,
            shares: Shares::default(),
            hostname: self.name(self.spec.hostname().as_deref(), "hostname", |uname| uname.nodename().to_bytes())?,
            domainname: self
                .name(self.spec.domainname().as_deref(), "domainname", |uname| uname.domainname().to_bytes())?,
            process: Process { seccomp: self.filter()?, ..process(first)? },
            is_init_mortal: false,
            unmapped_owner: ids::OVERFLOW,
            awaits_start: true,
            dies_with_starter: false,
            becomes_root: id_maps.uid_inside().is_none(),
            strace,
            oom_score_adj: first.oom_score_adj().map(|score| score.clamp(-1000, 1000)),
            pids_limit: None,
            memory: None,
            resources: self.resources().map(resources::shown).unwrap_or_default(),
        })
    }

    /// What `linux.seccomp` makes of the first process.
    fn filter(&self) -> Result<Option<Filter>> {
        let profile = self.spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref());
        profile.map(seccomp::filter).transpose()
    }

    fn overlay(&self) -> Result<Overlay> {
        match self.annotations().get(OVERLAY).map(String::as_str) {
            None | Some("memory") => Ok(Overlay::Memory),
            Some("none") => Ok(Overlay::None),
            Some(other) => bail!("annotation {OVERLAY}: \"{other}\" is neither \"memory\" nor \"none\""),
        }
    }

    fn name(
        &self,
        name: Option<&str>,
        key: &str,
        own: impl FnOnce(&rustix::system::Uname) -> &[u8],
    ) -> Result<Vec<u8>> {
        match name {
            Some(name) if name.len() > 64 => bail!("{key}: \"{name}\" has more than 64 bytes"),
            Some(name) => no_nul(name, key).map(|()| name.as_bytes().to_vec()),
            None => Ok(own(&rustix::system::uname()).to_vec()),
        }
    }

    /// The first program, for others to be like it.
    pub(crate) fn process(&self) -> Option<&runtime::Process> {
        self.spec.process().as_ref()
    }

    /// Ids of the sandbox on the host.
    pub(crate) fn id_maps(&self) -> Result<IdMaps> {
        ids::id_maps(self.spec.linux().as_ref())
    }

    /// A terminal is wanted.
    pub(crate) fn has_terminal(&self) -> bool {
        self.spec.process().as_ref().and_then(oci_spec::runtime::Process::terminal).unwrap_or(false)
    }

    /// Size that the terminal shall have: rows and columns.
    pub(crate) fn terminal_size(&self) -> Option<(u16, u16)> {
        self.process().and_then(terminal_size)
    }

    /// Hooks.
    pub(crate) fn hooks(&self) -> Option<&Hooks> {
        self.spec.hooks().as_ref()
    }

    /// Annotations.
    pub(crate) fn annotations(&self) -> HashMap<String, String> {
        self.spec.annotations().clone().unwrap_or_default()
    }

    /// `linux.cgroupsPath`.
    pub(crate) fn cgroup(&self) -> Option<&Path> {
        self.spec.linux().as_ref()?.cgroups_path().as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// `linux.resources`.
    pub(crate) fn resources(&self) -> Option<&LinuxResources> {
        self.spec.linux().as_ref()?.resources().as_ref()
    }

    /// Version of the specification that the bundle names.
    pub(crate) fn version(&self) -> &str {
        self.spec.version()
    }
}

/// Reads a file to its end; `what` as "cannot ..." goes on.
pub(crate) fn read_whole(file: File, what: &str) -> Result<Vec<u8>> {
    let mut text = Vec::with_capacity(USUAL);
    file.take(LONGEST + 1).read_to_end(&mut text).to(what)?;
    if text.len() as u64 > LONGEST {
        bail!("cannot {what}: it is longer than {LONGEST} bytes");
    }
    Ok(text)
}

fn paths(list: Option<&Vec<String>>, key: &str) -> Result<Vec<Vec<u8>>> {
    let path = |path: &String| {
        absolute(Path::new(path), key)?;
        Ok(Path::new(path).as_os_str().as_bytes().to_vec())
    };
    list.into_iter().flatten().map(path).collect()
}

#[cfg(test)]
mod tests;
