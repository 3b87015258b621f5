//! Control messages of unix sockets: `unix(7)`, "Ancillary messages".

use crate::common::{Common, Switches};
use crate::message::{Call, Control, Incoming};
use abi::Errno;
use abi::socket::level::SOL_SOCKET;
use abi::socket::{SCM_MAX_FD, Ucred};
use std::sync::Arc;
use vfs::{Capability, OpenFile};

/// What a message carries.
#[derive(Default)]
pub(crate) struct Scm {
    pub(crate) files: Vec<Arc<OpenFile>>,
    pub(crate) ucred: Option<Ucred>,
}

/// A sender that is not known.
const NOBODY: Ucred = Ucred { pid: 0, uid: 65534, gid: 65534 };

/// Takes control messages apart: `EINVAL`, `EPERM` for credentials that are not the sender's.
pub(crate) fn parse(call: &Call<'_>, controls: Vec<Control>) -> Result<Scm, Errno> {
    let mut scm = Scm::default();
    for control in controls {
        match control {
            Control::Rights(files) => scm.files.extend(files),
            Control::Credentials(ucred) => {
                check(call, &ucred)?;
                scm.ucred = Some(ucred);
            }
            Control::Data { level: SOL_SOCKET, .. } => return Err(Errno::EINVAL),
            Control::Data { .. } => {}
        }
    }
    if scm.files.len() > SCM_MAX_FD {
        return Err(Errno::EINVAL);
    }
    Ok(scm)
}

/// May the sender call itself that?
fn check(call: &Call<'_>, ucred: &Ucred) -> Result<(), Errno> {
    let creds = &call.caller.creds;
    let pid_is_own = ucred.pid == call.caller.process.pid();
    let uid_is_own = [creds.uid, creds.euid, creds.suid].contains(&ucred.uid);
    let gid_is_own = [creds.gid, creds.egid, creds.sgid].contains(&ucred.gid);
    let may = (pid_is_own || creds.has(Capability::SysAdmin))
        && (uid_is_own || creds.has(Capability::Setuid))
        && (gid_is_own || creds.has(Capability::Setgid));
    if may { Ok(()) } else { Err(Errno::EPERM) }
}

/// Hands over what came with a message.
pub(crate) fn deliver(
    common: &Common,
    ucred: Option<Ucred>,
    files: Option<Vec<Arc<OpenFile>>>,
    message: &mut Incoming,
) {
    if common.has(Switches::PASSCRED) {
        message.controls.push(Control::Credentials(ucred.unwrap_or(NOBODY)));
    }
    if let Some(files) = files {
        message.controls.push(Control::Rights(files));
    }
}
