use super::*;
use sentry::{MountKind, Process};
use serde_json::{Value, json};
use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nacre-bundle-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir_all(path.join("rootfs")).unwrap();
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config() -> Value {
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 63},
            "args": ["sh", "-c", "true"],
            "env": ["PATH=/bin"],
            "cwd": "/work",
            "capabilities": {"bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL"]},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}],
            "noNewPrivileges": true
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "box",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/x", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]},
            {"destination": "/t", "type": "tmpfs", "options": ["size=1m"]}
        ],
        "linux": {
            "namespaces": [{"type": "pid"}, {"type": "network", "path": "/run/netns/x"}],
            "maskedPaths": ["/proc/kcore"]
        }
    })
}

fn load(config: &Value) -> Result<Plan> {
    let dir = Dir::new();
    fs::write(dir.0.join("config.json"), config.to_string()).unwrap();
    let bundle = Bundle::load(&dir.0)?;
    bundle.plan(&bundle.id_maps()?, false)
}

#[test]
fn a_bundle_becomes_a_plan() {
    let plan = load(&config()).unwrap();
    let Process { args, cwd, uid, gid, groups, umask, no_new_privs, .. } = plan.process.clone();
    assert_eq!(args, [&b"sh"[..], b"-c", b"true"]);
    assert_eq!((cwd.as_slice(), uid, gid, groups, umask), (&b"/work"[..], 5, 6, vec![7], 0o77));
    assert!(no_new_privs && plan.is_root_read_only && plan.awaits_start);
    assert_eq!(plan.process.capabilities.bounding, 0b10_0001);
    assert_eq!(plan.process.capabilities.effective, 0b10_0000);
    assert_eq!(plan.hostname, b"box");
    let kinds: Vec<_> = plan.mounts.iter().map(|mount| mount.kind.clone()).collect();
    assert_eq!(kinds, [MountKind::Proc, MountKind::Dev, MountKind::Tree(1), MountKind::Tmpfs(b"size=1m".to_vec())]);
    assert!(plan.trees[1].read_only && plan.mounts[2].options.read_only);
    assert_eq!(plan.masked_paths, [b"/proc/kcore"]);
}

#[test]
fn bad_bundles_are_refused_with_a_reason() {
    let cases: &[(&str, Value, &str)] = &[
        ("/ociVersion", json!("2.0"), "knows version 1"),
        ("/process/args", json!([]), "names no program"),
        ("/process/args", json!(["a\0b"]), "zero byte"),
        ("/process/cwd", json!("work"), "must begin with a slash"),
        ("/process/rlimits", json!([{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]), "above the hard one"),
        ("/process/rlimits", json!([{"type": "RLIMIT_X", "soft": 2, "hard": 1}]), "RLIMIT_X"),
        ("/root/path", json!("nowhere"), "nowhere"),
        ("/root/path", json!("config.json"), "not a directory"),
        ("/mounts/0/type", json!("ext4"), "ext4"),
        ("/mounts/2/source", json!("/no/such"), "/no/such"),
        ("/linux/namespaces/0", json!({"type": "ipc", "path": "/proc/1/ns/ipc"}), "leave the path out"),
        ("/linux/maskedPaths", json!(["proc"]), "must begin with a slash"),
        ("/hostname", json!("x".repeat(65)), "64 bytes"),
        ("/process", json!(null), "lacks \"process\""),
        ("/root", json!(null), "lacks \"root\""),
    ];
    for (pointer, value, reason) in cases {
        let mut config = config();
        *config.pointer_mut(pointer).unwrap() = value.clone();
        let error = load(&config).expect_err(pointer).to_string();
        assert!(error.contains(reason), "{pointer}: {error}");
    }
}

#[test]
fn nonsense_is_refused() {
    let dir = Dir::new();
    assert!(Bundle::load(&dir.0.join("nowhere")).is_err());
    assert!(Bundle::load(&dir.0).is_err());
    for text in ["", "{", "[]", "{\"ociVersion\":1}", &"[".repeat(100_000)] {
        fs::write(dir.0.join("config.json"), text).unwrap();
        assert!(Bundle::load(&dir.0).is_err());
    }
}
