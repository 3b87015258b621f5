//! OCI bundles for benchmarks.

use crate::image::quote;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Containers must not share a name while one of them is being removed.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A name that no container has had.
pub(super) fn fresh_id() -> String {
    format!("bench-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed))
}

/// A bundle whose root is the host's, read-only, with a fresh /tmp: what `nacre do` shows, as far as OCI goes. Its
/// directory, and a name for its container.
pub(super) fn of_host(
    words: &[String],
    variables: &[(&str, String)],
    scratch: &Path,
) -> Result<(String, String), String> {
    let id = fresh_id();
    let directory = scratch.join("bundles").join(&id);
    fs::create_dir_all(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let file = directory.join("config.json");
    fs::write(&file, config(words, variables)).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok((directory.to_string_lossy().into_owned(), id))
}

fn config(words: &[String], variables: &[(&str, String)]) -> String {
    let list = |words: &mut dyn Iterator<Item = String>| words.collect::<Vec<_>>().join(", ");
    let arguments = list(&mut words.iter().map(|word| quote(word)));
    let path = ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    let variables = variables.iter().chain([&path]).map(|(name, value)| quote(&format!("{name}={value}")));
    let variables = list(&mut { variables });
    let names = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SYS_CHROOT", "NET_BIND_SERVICE"];
    let capabilities = list(&mut names.iter().map(|name| quote(&format!("CAP_{name}"))));
    let kinds = ["pid", "network", "ipc", "uts", "mount"];
    let namespaces = list(&mut kinds.iter().map(|kind| format!(r#"{{"type": "{kind}"}}"#)));
    format!(
        r#"{{
  "ociVersion": "1.0.2",
  "process": {{
    "terminal": false,
    "user": {{"uid": 0, "gid": 0}},
    "args": [{arguments}],
    "env": [{variables}],
    "cwd": "/",
    "capabilities": {{"bounding": [{capabilities}], "effective": [{capabilities}], "permitted": [{capabilities}]}},
    "rlimits": [{{"type": "RLIMIT_NOFILE", "hard": 20000, "soft": 20000}}]
  }},
  "root": {{"path": "/", "readonly": true}},
  "hostname": "bench",
  "mounts": [
    {{"destination": "/proc", "type": "proc", "source": "proc"}},
    {{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}},
    {{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}},
    {{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]}},
    {{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}},
    {{"destination": "/tmp", "type": "tmpfs", "source": "tmp", "options": ["nosuid", "nodev", "mode=1777"]}}
  ],
  "linux": {{"namespaces": [{namespaces}]}}
}}
"#
    )
}
