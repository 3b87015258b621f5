//! `image`: an OCI bundle whose root filesystem is busybox.

use crate::args::Args;
use crate::tally::Tally;
use crate::{Outcome, place};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// The chore.
pub(crate) fn run(args: &mut Args) -> Outcome {
    let directory = args.next().ok_or("image needs a directory")?;
    args.finish()?;
    make(Path::new(&directory), &["sh"])?;
    println!("{directory}: rootfs and config.json");
    Ok(Tally { passed: 1, ..Tally::default() })
}

/// Makes a bundle that runs the command line.
pub(crate) fn make(bundle: &Path, command: &[&str]) -> Result<(), String> {
    let root = bundle.join("rootfs");
    if !root.join("bin/busybox").exists() {
        fill(&root)?;
    }
    let file = bundle.join("config.json");
    fs::write(&file, config(command)).map_err(|e| format!("{}: {e}", file.display()))
}

fn fill(root: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", root.display());
    for name in ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/bin", "var"] {
        fs::create_dir_all(root.join(name)).map_err(failed)?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).map_err(failed)?;
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|p| place::has_command(p));
    let busybox = busybox.ok_or("busybox is not installed (Debian: busybox-static)")?;
    fs::copy(busybox, root.join("bin/busybox")).map_err(failed)?;
    let applets = Command::new(busybox).arg("--list").output().map_err(failed)?;
    for name in String::from_utf8_lossy(&applets.stdout).lines().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(name)).map_err(failed)?;
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        .map_err(failed)?;
    fs::write(root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n").map_err(failed)
}

/// A plain `config.json`.
fn config(command: &[&str]) -> String {
    let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
    let capabilities = r#"["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER","CAP_KILL","CAP_SETGID","CAP_SETUID"]"#;
    let namespaces = ["pid", "network", "ipc", "uts", "mount"].map(|kind| format!(r#"{{"type":"{kind}"}}"#)).join(",");
    format!(
        r#"{{
  "ociVersion": "1.0.2",
  "process": {{
    "terminal": false,
    "user": {{"uid": 0, "gid": 0}},
    "args": [{}],
    "env": ["PATH=/bin:/usr/bin", "HOME=/root"],
    "cwd": "/",
    "capabilities": {{"bounding": {capabilities}, "effective": {capabilities}, "permitted": {capabilities}}},
    "rlimits": [{{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}}],
    "noNewPrivileges": true
  }},
  "root": {{"path": "rootfs", "readonly": false}},
  "hostname": "bundle",
  "mounts": [
    {{"destination": "/proc", "type": "proc", "source": "proc"}},
    {{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}},
    {{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}},
    {{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"]}},
    {{"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"}},
    {{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}}
  ],
  "linux": {{"namespaces": [{namespaces}]}}
}}
"#,
        words.join(", ")
    )
}

/// A JSON string.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
