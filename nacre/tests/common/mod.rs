//! What the tests of the command line share.
#![expect(unreachable_pub, reason = "a module of each test program")]
#![cfg_attr(test, allow(dead_code, reason = "each test program uses a part"))]

use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Id of an ordinary user that owns nothing else.
const USER: u32 = 54321;

/// A directory of a test with a bundle and a place for state; removed at the end.
pub struct Place {
    pub dir: PathBuf,
    user: Option<u32>,
}

impl Place {
    /// For the user that runs the tests.
    pub fn new() -> Self {
        Self::of(None)
    }

    /// For an ordinary user; `None` when the tests do not run as root.
    pub fn of_ordinary_user() -> Option<Self> {
        is_root().then(|| Self::of(Some(USER)))
    }

    fn of(user: Option<u32>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nacre-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = PathBuf::from("/tmp").join(name);
        fs::create_dir_all(dir.join("bundle/rootfs")).unwrap();
        // It is looked for, and never run.
        fs::write(dir.join("bundle/rootfs/true"), "").unwrap();
        // By a process of its own: a descriptor that is open for writing here would be inherited by what another
        // test starts just now, and the copy could not be executed (ETXTBSY).
        let copy = Command::new("cp").arg(env!("CARGO_BIN_EXE_nacre")).arg(dir.join("nacre")).status();
        assert!(copy.unwrap().success());
        for path in [&dir, &dir.join("nacre")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let place = Self { dir, user };
        if user.is_some() {
            std::os::unix::fs::chown(&place.dir, user, user).unwrap();
        }
        place.write_config(|_| ());
        place
    }

    /// Writes `config.json`, changed by `edit`.
    pub fn write_config(&self, edit: impl FnOnce(&mut Value)) {
        let mut config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0}, "args": ["/true"], "cwd": "/", "env": ["PATH=/bin"]
            },
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}]}
        });
        edit(&mut config);
        fs::write(self.bundle().join("config.json"), config.to_string()).unwrap();
    }

    /// Changes `config.json` further.
    pub fn write_config_more(&self, edit: impl FnOnce(&mut Value)) {
        let path = self.bundle().join("config.json");
        let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut config);
        fs::write(path, config.to_string()).unwrap();
    }

    /// The user that commands run as.
    pub fn user(&self) -> u32 {
        let own = fs::metadata("/proc/self").map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).unwrap();
        self.user.unwrap_or(own)
    }

    /// Lets the user of the commands write there.
    pub fn give(&self, path: &Path) {
        std::os::unix::fs::chown(path, self.user, self.user).unwrap();
    }

    pub fn bundle(&self) -> PathBuf {
        self.dir.join("bundle")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// The command with these arguments, state in this place.
    pub fn nacre(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.dir.join("nacre"));
        command.arg("--root").arg(self.state()).args(args).current_dir("/").stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    pub fn create(&self, id: &str) -> Command {
        let mut command = self.nacre(&["create", "--bundle"]);
        command.arg(self.bundle()).arg(id).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn output(&self, args: &[&str]) -> Output {
        self.nacre(args).output().unwrap()
    }

    /// Field of `nacre state`.
    pub fn state_of(&self, id: &str) -> Value {
        let output = self.output(&["state", id]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Processes of ours: their command line names the place.
    pub fn processes(&self) -> Vec<i32> {
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(|pid| self.is_ours(*pid)).collect()
    }

    fn is_ours(&self, pid: i32) -> bool {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let name = self.state().into_os_string().into_string().unwrap();
        line.split(|&byte| byte == 0).any(|word| word == name.as_bytes())
    }

    /// Nothing is left but what the test made.
    pub fn assert_clean(&self) {
        eventually("processes are left", || self.processes().is_empty());
        eventually("state is left", || fs::read_dir(self.state()).map_or(0, Iterator::count) == 0);
        let groups = cgroups_named(&self.dir.file_name().unwrap().to_string_lossy());
        assert!(groups.is_empty(), "control groups are left: {groups:?}");
    }

    /// A name for control groups of this place.
    pub fn cgroup(&self) -> String {
        format!("/{}/box", self.dir.file_name().unwrap().to_string_lossy())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

pub fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_true() {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(2));
    }
}

fn cgroups_named(name: &str) -> Vec<PathBuf> {
    let below = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()
    };
    let hierarchies = below(Path::new("/sys/fs/cgroup"));
    let all = hierarchies.iter().flat_map(|dir| below(dir)).chain(hierarchies.clone());
    all.filter(|path| path.file_name().is_some_and(|found| found.to_string_lossy() == name)).collect()
}

pub fn kill(pid: i32, signal: i32) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).stderr(Stdio::null()).status();
    sent.unwrap();
}
