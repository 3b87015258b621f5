//! A guest without a kernel, for the tests of filesystems: paths are walked by the vfs as for a program.

use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use abi::mount::MountFlags;
use mm::{SliceSource, VecSink};
use std::sync::Arc;
use sync::{Fail, WaitWord};
use vfs::{
    Attr, Caller, Credentials, DirSink, Filesystem, FsContext, MountNamespace, OpenFile, OpenHow, ProcessView,
    RenameFlags, UserNamespace, Vfs, Walk,
};

struct Process;

impl ProcessView for Process {
    fn tid(&self) -> i32 {
        1
    }
    fn pid(&self) -> i32 {
        1
    }
    fn session(&self) -> i32 {
        1
    }
    fn process_group(&self) -> i32 {
        1
    }
    fn is_group_orphaned(&self) -> bool {
        false
    }
    fn is_signal_ignored(&self, _signal: u8) -> bool {
        false
    }
    fn signal_own_group(&self, _signal: u8) {}
    fn signal_self(&self, _signal: u8) {}
    fn limit(&self, _resource: u32) -> u64 {
        u64::MAX
    }
    fn umask(&self) -> u32 {
        0o022
    }
}

/// A process that is root, in a namespace with one filesystem.
pub(crate) struct Guest {
    pub(crate) caller: Caller,
    pub(crate) context: Arc<FsContext>,
}

#[derive(Default)]
pub(crate) struct Names(pub(crate) Vec<(String, u64)>);

impl DirSink for Names {
    fn entry(&mut self, name: &[u8], ino: u64, _kind: FileType, _next: u64) -> bool {
        self.0.push((String::from_utf8_lossy(name).into_owned(), ino));
        true
    }
}

/// Takes a few entries only.
pub(crate) struct Few(pub(crate) Names, pub(crate) usize);

impl DirSink for Few {
    fn entry(&mut self, name: &[u8], ino: u64, kind: FileType, next: u64) -> bool {
        self.0.0.len() < self.1 && self.0.entry(name, ino, kind, next)
    }
}

pub(crate) fn errno<T>(result: Result<T, Fail>) -> Result<T, Errno> {
    result.map_err(|fail| match fail {
        Fail::Errno(errno) => errno,
        Fail::Interrupted(_) => Errno::EINTR,
    })
}

impl Guest {
    pub(crate) fn new(root: Arc<dyn Filesystem>) -> Self {
        let user_ns = UserNamespace::root();
        let vfs = Vfs::new();
        let namespace = MountNamespace::new(&vfs, &root, b"none", MountFlags::empty(), user_ns.clone());
        let creds = Arc::new(Credentials::root(user_ns));
        let caller = Caller { creds, word: Arc::new(WaitWord::new()), process: Arc::new(Process) };
        Self { caller, context: FsContext::new(namespace, 0o022) }
    }

    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk::new(&self.caller, &self.context)
    }

    pub(crate) fn open(&self, path: &str, flags: OpenFlags) -> Result<Arc<OpenFile>, Errno> {
        errno(self.walk().open(path.as_bytes(), &OpenHow { flags, mode: 0o644, ..OpenHow::default() }))
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Errno> {
        let file = self.open(path, OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC)?;
        assert_eq!(self.append(&file, bytes)?, bytes.len());
        Ok(())
    }

    pub(crate) fn append(&self, file: &Arc<OpenFile>, bytes: &[u8]) -> Result<usize, Errno> {
        errno(file.write(&self.caller, &mut SliceSource::new(bytes), OpenFlags::empty()))
    }

    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        self.read_file(&self.open(path, OpenFlags::empty())?)
    }

    pub(crate) fn read_file(&self, file: &Arc<OpenFile>) -> Result<Vec<u8>, Errno> {
        let mut sink = VecSink::new(16 << 20);
        errno(file.read(&self.caller, &mut sink, OpenFlags::empty()))?;
        Ok(sink.bytes)
    }

    pub(crate) fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let mut names: Vec<_> = self.entries(path)?.into_iter().map(|(name, _)| name).collect();
        names.retain(|name| name != "." && name != "..");
        names.sort();
        Ok(names)
    }

    pub(crate) fn entries(&self, path: &str) -> Result<Vec<(String, u64)>, Errno> {
        let dir = self.open(path, OpenFlags::DIRECTORY)?;
        let mut names = Names::default();
        errno(dir.read_dir(&self.caller, &mut names))?;
        Ok(names.0)
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Attr, Errno> {
        self.walk().find(path.as_bytes(), false)?.attr()
    }

    pub(crate) fn mkdir(&self, path: &str) -> Result<(), Errno> {
        self.walk().make_dir(path.as_bytes(), 0o755).map(drop)
    }

    pub(crate) fn unlink(&self, path: &str) -> Result<(), Errno> {
        self.walk().unlink(path.as_bytes())
    }

    pub(crate) fn rmdir(&self, path: &str) -> Result<(), Errno> {
        self.walk().rmdir(path.as_bytes())
    }

    pub(crate) fn link(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.walk().make_link(&self.walk().find(from.as_bytes(), false)?, to.as_bytes())
    }

    pub(crate) fn rename(&self, from: &str, to: &str, flags: RenameFlags) -> Result<(), Errno> {
        self.walk().rename(from.as_bytes(), &self.walk(), to.as_bytes(), flags)
    }
}

/// A directory of the host that goes with the value.
pub(crate) struct TempDir(pub(crate) std::path::PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str) -> Self {
        // Tests run side by side, and two may choose the same name.
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nacre-fs-{name}-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a directory for the test");
        Self(path)
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).expect("directories for the test");
        }
        std::fs::write(path, bytes).expect("a file for the test");
    }

    pub(crate) fn fs(&self, read_only: bool) -> Arc<crate::host::HostFs> {
        let cache = if read_only { vfs::CachePolicy::Keep } else { vfs::CachePolicy::Ask };
        let dir = std::fs::File::open(&self.0).expect("the test's directory");
        crate::host::HostFs::new(
            dir.into(),
            crate::host::HostOptions { read_only, cache, unmapped_owner: vfs::OVERFLOW_ID },
        )
        .expect("a filesystem")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
