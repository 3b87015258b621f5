//! What is kept of a container on disk.

use super::process_id::ProcessId;
use oci_spec::runtime::Hooks;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

/// Version of the record; another one is refused.
pub(crate) const FORMAT: u32 = 3;

/// What is kept of a container on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// Name.
    pub id: String,
    /// Version of the specification that the bundle names.
    pub version: String,
    /// The bundle's directory.
    pub bundle: PathBuf,
    /// When it was made: RFC 3339.
    pub created: String,
    /// Annotations of the bundle.
    pub annotations: HashMap<String, String>,
    /// Hooks of the bundle.
    pub hooks: Option<Hooks>,
    /// Directories of control groups that were made for it, the deepest first.
    pub cgroups: Vec<PathBuf>,
    /// Who makes it, or stays with it: without that one it is to be removed. `None`: it stands by itself.
    pub keeper: Option<ProcessId>,
    /// The container whose sandbox it is in, if that is another one.
    pub sandbox: Option<String>,
    /// The sentry; of a container in another one's sandbox the process that stands for it.
    pub sentry: Option<ProcessId>,
}

impl Record {
    /// Nobody will ever complete or remove it: its keeper was killed.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.keeper.is_some_and(|keeper| !keeper.is_alive()) && !self.is_alive()
    }

    /// The sentry runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.sentry.is_some_and(ProcessId::is_alive)
    }

    /// The state as the specification prints it.
    pub(crate) fn state(&self, status: Status) -> serde_json::Value {
        let mut state = serde_json::json!({
            "ociVersion": self.version,
            "id": self.id,
            "status": status.to_string(),
            "bundle": self.bundle,
            "annotations": self.annotations,
        });
        let pid = self.sentry.filter(|_| status != Status::Stopped).map_or(0, |sentry| sentry.pid);
        if let Some(fields) = state.as_object_mut() {
            fields.insert("pid".to_owned(), pid.into());
        }
        state
    }
}

/// Where a container is in its life, in the words of the specification; and `paused`, runc's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Creating,
    Created,
    Running,
    Paused,
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}
