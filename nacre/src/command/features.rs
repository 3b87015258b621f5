//! `nacre features`.

use crate::error::{Result, Try};
use serde_json::json;

/// Prints what this runtime can do, as the specification's features.md says.
pub(crate) fn run() -> Result<u8> {
    let features = json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.2.0",
        "hooks": ["prestart", "createRuntime", "createContainer", "poststart", "poststop"],
        "mountOptions": ["bind", "dev", "exec", "nodev", "noexec", "nosuid", "rbind", "ro", "rw", "suid"],
        "linux": {
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"],
            "cgroup": {"v1": true, "v2": true, "systemd": false, "systemdUser": false},
            "seccomp": {"enabled": false},
            "apparmor": {"enabled": false},
            "selinux": {"enabled": false}
        },
        "annotations": {"dev.nacre.version": env!("CARGO_PKG_VERSION")}
    });
    println!("{}", serde_json::to_string_pretty(&features).to("print the features")?);
    Ok(0)
}
