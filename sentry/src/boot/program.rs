//! A program that is started from outside.

use super::mounts::make_dirs;
use super::outside;
use crate::control::Stage;
use crate::failure::Failure;
use crate::plan::{Filter, Process};
use abi::Errno;
use abi::resource::{Resource, Rlimit};
use kernel::process::Init;
use kernel::{Container, Kernel, Limits, Namespaces, Terminal, ThreadGroup};
use std::sync::Arc;
use vfs::{Credentials, FdTable, FsContext, UserNamespace, Walk};

/// What a program is started from.
pub(super) struct Program {
    pub(super) process: Process,
    pub(super) namespaces: Namespaces,
    pub(super) is_mortal: bool,
    /// It is the container's first.
    pub(super) is_first: bool,
    /// A missing working directory is made.
    pub(super) is_cwd_made: bool,
    pub(super) oom_score_adj: i32,
    pub(super) user_ns: Arc<UserNamespace>,
    pub(super) fs: Arc<FsContext>,
    pub(super) fds: Arc<FdTable>,
    pub(super) terminal: Option<Arc<dyn Terminal>>,
}

/// Where programs are looked for without PATH: `confstr(3)`, and those of the administrator.
const PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Program {
    /// Starts it.
    pub(super) fn start(&self, kernel: &Arc<Kernel>, container: &Arc<Container>) -> Result<Arc<ThreadGroup>, Failure> {
        self.enter_directory()?;
        let name = self.process.args.first().map_or(&[][..], Vec::as_slice);
        let mut refusal = Errno::ENOENT;
        for path in self.candidates(name) {
            match self.execute(kernel, container, &path) {
                Ok(group) => return Ok(group),
                // As shells do: go on looking, and remember that there was something.
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::EACCES) if name.contains(&b'/') || self.exists(&path) => refusal = Errno::EACCES,
                Err(Errno::EACCES) => {}
                Err(errno) => {
                    refusal = errno;
                    break;
                }
            }
        }
        Err(self.cannot_run(name, refusal))
    }

    /// There is something to be started, as far as can be told before it is: a runtime's own init looks for it before
    /// it waits, and engines know the errors of `create` by their words.
    pub(super) fn look(&self) -> Result<(), Failure> {
        let name = self.process.args.first().map_or(&[][..], Vec::as_slice);
        // What is named from the working directory is looked for when that is entered.
        let is_relative = name.contains(&b'/') && !name.starts_with(b"/");
        if is_relative || self.candidates(name).iter().any(|path| self.exists(path)) {
            return Ok(());
        }
        Err(self.cannot_run(name, Errno::ENOENT))
    }

    fn cannot_run(&self, name: &[u8], errno: Errno) -> Failure {
        let name = String::from_utf8_lossy(name);
        let reason = match errno {
            Errno::ENOENT if !name.contains('/') => "executable file not found in $PATH".to_owned(),
            Errno::ENOENT => "no such file or directory in the sandbox, or its interpreter is missing".to_owned(),
            errno if self.is_refused_by_filter(errno) => {
                format!("{}; the seccomp profile (linux.seccomp) does not allow execve", errno.text().to_lowercase())
            }
            errno => errno.text().to_lowercase(),
        };
        Failure { stage: Stage::Exec, errno: Some(errno), text: format!("cannot run {name}: {reason}") }
    }

    fn is_refused_by_filter(&self, errno: Errno) -> bool {
        let setting = self.process.seccomp.as_ref().and_then(|filter| filter.setting().ok());
        setting.is_some_and(|setting| setting.check_exec() == Err(errno))
    }

    fn candidates(&self, name: &[u8]) -> Vec<Vec<u8>> {
        if name.is_empty() {
            return Vec::new();
        }
        if name.contains(&b'/') {
            return vec![name.to_vec()];
        }
        let given = self.process.env.iter().rev().find_map(|variable| variable.strip_prefix(b"PATH="));
        let dirs = given.unwrap_or(PATH).split(|&byte| byte == b':');
        dirs.map(|dir| [if dir.is_empty() { b"." } else { dir }, b"/", name].concat()).collect()
    }

    fn execute(
        &self,
        kernel: &Arc<Kernel>,
        container: &Arc<Container>,
        path: &[u8],
    ) -> Result<Arc<ThreadGroup>, Errno> {
        kernel.start(Init {
            container: container.clone(),
            path: path.to_vec(),
            argv: self.process.args.clone(),
            envp: self.process.env.clone(),
            namespaces: self.namespaces.clone(),
            creds: self.credentials(),
            fds: self.fds.clone(),
            fs: self.fs.clone(),
            limits: self.limits(),
            no_new_privs: self.process.no_new_privs,
            seccomp: self.process.seccomp.as_ref().map(Filter::setting).transpose()?,
            oom_score_adj: self.oom_score_adj,
            is_mortal: self.is_mortal,
            is_first: self.is_first,
            terminal: self.terminal.clone(),
        })
    }

    /// The program's user sees a file there. (In a directory that they may not search they see nothing.)
    fn exists(&self, path: &[u8]) -> bool {
        Walk::new(&outside::caller(self.credentials()), &self.fs).find(path, true).is_ok()
    }

    fn enter_directory(&self) -> Result<(), Failure> {
        let cwd = &self.process.cwd;
        let cannot = |errno: Errno| Failure {
            stage: Stage::Boot,
            errno: Some(errno),
            text: format!("cannot work in {}: {}", String::from_utf8_lossy(cwd), errno.text().to_lowercase()),
        };
        let caller = outside::caller(self.credentials());
        let place = match Walk::new(&caller, &self.fs).find_dir(cwd) {
            Err(_) if self.process.is_cwd_optional => self.fs.root(),
            Err(Errno::ENOENT) if self.is_cwd_made => {
                let root = outside::caller(Credentials::root(self.user_ns.clone()));
                make_dirs(&Walk::new(&root, &self.fs), cwd).map_err(cannot)?
            }
            result => result.map_err(cannot)?,
        };
        self.fs.set_cwd(place);
        Ok(())
    }

    fn credentials(&self) -> Credentials {
        let Process { uid, gid, capabilities, .. } = self.process;
        let mut groups = self.process.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        Credentials {
            uid,
            gid,
            euid: uid,
            egid: gid,
            suid: uid,
            sgid: gid,
            fsuid: uid,
            fsgid: gid,
            groups: groups.into(),
            permitted: capabilities.permitted,
            effective: capabilities.effective,
            inheritable: capabilities.inheritable,
            bounding: capabilities.bounding,
            ambient: capabilities.ambient,
            ..Credentials::root(self.user_ns.clone())
        }
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for limit in &self.process.limits {
            let Some(&resource) = Resource::ALL.get(limit.resource as usize) else { continue };
            let most = if resource == Resource::Nofile { vfs::NR_OPEN } else { u64::MAX };
            limits.set(resource, Rlimit { cur: limit.soft.min(most), max: limit.hard.min(most) });
        }
        limits
    }
}
