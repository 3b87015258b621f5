//! Bundles of one sandbox, as Kubernetes' runtimes annotate them.

use super::Bundle;
use crate::error::{Result, bail};
use oci_spec::runtime::LinuxNamespaceType;
use sentry::{Share, Shares};
use std::path::Path;

/// Annotations that say what a container is, and which sandbox it is in: those of containerd and of CRI-O.
const ANNOTATIONS: [(&str, &str); 2] = [
    ("io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"),
    ("io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"),
];

impl Bundle {
    /// The container whose sandbox it is to be in; `None`: it gets one of its own.
    pub(crate) fn sandbox(&self) -> Result<Option<&str>> {
        let Some(annotations) = self.spec.annotations() else { return Ok(None) };
        for (kind, sandbox) in ANNOTATIONS {
            match annotations.get(kind).map(String::as_str) {
                Some("container") => {}
                Some("sandbox") | None => continue,
                Some(other) => bail!("annotation {kind}: \"{other}\" is neither \"sandbox\" nor \"container\""),
            }
            match annotations.get(sandbox) {
                Some(id) => return Ok(Some(id)),
                None => bail!("annotation {kind} says that this is a container of a sandbox, but {sandbox} names none"),
            }
        }
        Ok(None)
    }

    /// Whose namespaces it is in; `whose` knows the processes of the host that stand for containers of the sandbox.
    /// What the host would share with all containers, or what was pinned for the sandbox, is the sandbox's.
    pub(crate) fn shares(&self, whose: &dyn Fn(i32) -> Option<Share>) -> Result<Shares> {
        let mut shares = Shares::default();
        for namespace in self.namespaces() {
            let kind = namespace.typ();
            let share = match namespace.path().as_deref() {
                None => Share::Own,
                Some(path) => match (process_of(path), kind) {
                    (Some(pid), _) => match whose(pid) {
                        Some(share) => share,
                        None => bail!(
                            "linux.namespaces: cannot join the {kind} namespace {}: process {pid} stands for no \
                             container of the sandbox",
                            path.display()
                        ),
                    },
                    (None, LinuxNamespaceType::Pid | LinuxNamespaceType::Mount) => {
                        bail!("linux.namespaces: cannot join the {kind} namespace {}", path.display())
                    }
                    (None, _) => Share::First,
                },
            };
            match kind {
                LinuxNamespaceType::Pid => shares.pid = share,
                LinuxNamespaceType::Ipc => shares.ipc = share,
                LinuxNamespaceType::Uts => shares.uts = share,
                LinuxNamespaceType::Network => shares.net = share,
                LinuxNamespaceType::Mount if share != Share::Own => {
                    bail!("linux.namespaces: each container of a sandbox has a mount namespace of its own")
                }
                // Users and control groups are those of the sandbox.
                _ => {}
            }
        }
        Ok(shares)
    }
}

/// The process whose namespace a path names: `/proc/PID/ns/KIND`.
fn process_of(path: &Path) -> Option<i32> {
    let rest = path.to_str()?.strip_prefix("/proc/")?;
    let (pid, rest) = rest.split_once('/')?;
    rest.strip_prefix("ns/")?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn bundle(annotations: &Value, namespaces: &Value) -> Bundle {
        let spec = json!({
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "annotations": annotations,
            "linux": {"namespaces": namespaces}
        });
        Bundle { dir: "/".into(), spec: serde_json::from_value(spec).unwrap() }
    }

    #[test]
    fn annotations_of_both_kinds() {
        let of = |annotations: Value| bundle(&annotations, &json!([])).sandbox().map(|id| id.map(str::to_owned));
        assert_eq!(of(json!({})).unwrap(), None);
        let containerd = |kind: &str| json!({(ANNOTATIONS[0].0): kind, (ANNOTATIONS[0].1): "pod"});
        assert_eq!(of(containerd("sandbox")).unwrap(), None);
        assert_eq!(of(containerd("container")).unwrap().as_deref(), Some("pod"));
        assert!(of(containerd("other")).is_err());
        assert_eq!(
            of(json!({(ANNOTATIONS[1].0): "container", (ANNOTATIONS[1].1): "p"})).unwrap().as_deref(),
            Some("p")
        );
        assert!(of(json!({(ANNOTATIONS[1].0): "container"})).is_err());
    }

    #[test]
    fn namespaces_by_path() {
        let of = |namespaces: Value| {
            let whose = |pid| match pid {
                7 => Some(Share::First),
                8 => Some(Share::Of("other".to_owned())),
                _ => None,
            };
            bundle(&json!({}), &namespaces).shares(&whose)
        };
        let path = |kind: &str, path: &str| json!({"type": kind, "path": path});
        let shares = of(json!([
            {"type": "pid"},
            path("ipc", "/proc/7/ns/ipc"),
            path("uts", "/proc/8/ns/uts"),
            path("network", "/var/run/netns/x"),
            {"type": "mount"}
        ]));
        let want = Shares { pid: Share::Own, ipc: Share::First, uts: Share::Of("other".to_owned()), net: Share::First };
        assert_eq!(shares.unwrap(), want);
        assert_eq!(of(json!([])).unwrap(), Shares::default());
        assert!(of(json!([path("pid", "/proc/9/ns/pid")])).is_err());
        assert!(of(json!([path("pid", "/run/pidns")])).is_err());
        assert!(of(json!([path("mount", "/proc/7/ns/mnt")])).is_err());
    }
}
