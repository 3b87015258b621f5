//! Terminal commands: `ioctl_tty(2)`.

use super::modes;
use super::pty::{Pty, SIGTTOU};
use abi::Errno;
use abi::tty::{self, Packet, Winsize, ioctl::*};
use mm::{UserAddr, UserMemory, UserPtr};
use std::sync::Arc;
use sync::Fail;
use vfs::{Capability, Io};

/// Which end a command came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Master,
    Slave,
}

/// A command on one end, with everything that it may need.
pub(super) struct Command<'a> {
    pub(super) pty: &'a Arc<Pty>,
    pub(super) side: Side,
    pub(super) io: &'a Io<'a>,
    pub(super) arg: u64,
    pub(super) memory: &'a dyn UserMemory,
}

/// Signal numbers end here.
const NSIG: u64 = 64;

/// Carries out a command; `ENOTTY` for one that the end does not know.
pub(super) fn ioctl(
    pty: &Arc<Pty>,
    side: Side,
    io: &Io<'_>,
    command: u32,
    arg: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Fail> {
    let on = Command { pty, side, io, arg, memory };
    match command {
        TCGETS | TCGETS2 | TCGETA | TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 | TCSETA | TCSETAW
        | TCSETAF => modes::termios(&on, command),
        TIOCGLCKTRMIOS => on.write_back(&pty.look(|state| state.locked)),
        TIOCSLCKTRMIOS => modes::lock(&on),
        TCXONC => modes::flow(&on),
        TCFLSH => modes::flush(&on),
        TIOCSCTTY => on.set_controlling(),
        TIOCNOTTY => on.give_up_controlling(),
        TIOCGPGRP => on.foreground(),
        TIOCSPGRP => on.set_foreground(),
        TIOCGSID => on.session(),
        TIOCGWINSZ => on.put(&pty.look(|state| state.winsize)),
        TIOCSWINSZ => {
            pty.set_winsize(on.get::<Winsize>()?);
            Ok(0)
        }
        FIONREAD => on.put(&(on.readable() as u32)),
        TIOCOUTQ => on.put(&0u32),
        TIOCSTI => Err(if on.has_arg_readable() { Errno::EIO } else { Errno::EFAULT }.into()),
        TIOCEXCL | TIOCNXCL => {
            pty.update(|state| state.is_exclusive = command == TIOCEXCL);
            Ok(0)
        }
        TIOCGEXCL => on.put(&u32::from(pty.look(|state| state.is_exclusive))),
        // There is no line that could break, and output is never on its way.
        TCSBRK | TCSBRKP | TIOCSBRK | TIOCCBRK => {
            on.check_change()?;
            Ok(0)
        }
        TIOCGETD => on.put(&0u32),
        TIOCSETD => {
            on.check_change()?;
            // Disciplines other than N_TTY are not there.
            if on.get::<u32>()? == 0 { Ok(0) } else { Err(Errno::EINVAL.into()) }
        }
        TIOCGSOFTCAR => on.put(&u32::from(pty.look(|state| state.line.termios.cflag) & LOCAL != 0)),
        TIOCSSOFTCAR => {
            let value = on.get::<u32>()?;
            pty.update(|state| {
                state.line.termios.cflag &= !LOCAL;
                state.line.termios.cflag |= if value == 0 { 0 } else { LOCAL };
            });
            Ok(0)
        }
        TIOCGDEV => on.put(&(if side == Side::Master { vfs::make_dev(5, 2) } else { pty.device() } as u32)),
        TIOCVHANGUP => {
            on.check_admin()?;
            pty.hang_up();
            Ok(0)
        }
        TIOCCONS => {
            on.check_admin()?;
            Err(Errno::EINVAL.into())
        }
        _ if side == Side::Master => on.master_only(command),
        _ => Err(Errno::ENOTTY.into()),
    }
}

const LOCAL: u32 = tty::ControlModes::CLOCAL.bits();

impl Command<'_> {
    fn put<T: zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::FromBytes>(&self, value: &T) -> Result<u64, Fail> {
        UserPtr::<T>::new(UserAddr(self.arg)).write(self.memory, value)?;
        Ok(0)
    }

    pub(super) fn get<T: zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::FromBytes>(&self) -> Result<T, Errno> {
        UserPtr::<T>::new(UserAddr(self.arg)).read(self.memory)
    }

    pub(super) fn write_back<T: zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::FromBytes>(
        &self,
        value: &T,
    ) -> Result<u64, Fail> {
        self.put(value)
    }

    fn has_arg_readable(&self) -> bool {
        self.get::<u8>().is_ok()
    }

    fn check_admin(&self) -> Result<(), Errno> {
        if self.io.caller.creds.has_in_root(Capability::SysAdmin) { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// What restores the state of others asks for less than an administrator: `capabilities(7)`.
    pub(super) fn check_restorer(&self) -> Result<(), Errno> {
        let creds = &self.io.caller.creds;
        if creds.has_in_root(Capability::CheckpointRestore) { Ok(()) } else { self.check_admin() }
    }

    /// Changes from the background are stopped; the master has no background.
    pub(super) fn check_change(&self) -> Result<(), Fail> {
        match self.side {
            Side::Master => Ok(()),
            Side::Slave => self.pty.check_foreground(self.io.caller, SIGTTOU),
        }
    }

    fn readable(&self) -> usize {
        self.pty.look(|state| match self.side {
            Side::Master => state.line.output.len(),
            Side::Slave => state.line.readable(),
        })
    }

    /// `TIOCSCTTY(2const)`.
    fn set_controlling(&self) -> Result<u64, Fail> {
        if self.side == Side::Master {
            return Err(Errno::EIO.into());
        }
        let caller = self.io.caller;
        let process = &caller.process;
        let is_leader = process.pid() == process.session();
        if is_leader && self.pty.is_callers(caller) {
            return Ok(0);
        }
        if !is_leader || self.pty.jobs().terminal(process.session()).is_some() {
            return Err(Errno::EPERM.into());
        }
        if self.pty.look(|state| state.control.is_some()) && (self.arg != 1 || self.check_admin().is_err()) {
            return Err(Errno::EPERM.into());
        }
        self.pty.acquire(caller);
        Ok(0)
    }

    /// `TIOCNOTTY`: the whole session loses it when its leader asks.
    fn give_up_controlling(&self) -> Result<u64, Fail> {
        let caller = self.io.caller;
        if self.side == Side::Master || !self.pty.is_callers(caller) {
            return Err(Errno::ENOTTY.into());
        }
        if caller.process.pid() == caller.process.session() {
            self.pty.disassociate(caller.process.session());
        }
        Ok(0)
    }

    /// The slave's own commands of job control need it to be the caller's terminal.
    fn check_own(&self) -> Result<(), Errno> {
        if self.side == Side::Master || self.pty.is_callers(self.io.caller) { Ok(()) } else { Err(Errno::ENOTTY) }
    }

    fn foreground(&self) -> Result<u64, Fail> {
        self.check_own()?;
        let group = self.pty.foreground();
        let id = if group == 0 { 0 } else { self.pty.jobs().id_for(self.io.caller, group) };
        self.put(&id)
    }

    fn set_foreground(&self) -> Result<u64, Fail> {
        let caller = self.io.caller;
        match self.pty.check_foreground(caller, SIGTTOU) {
            Err(Fail::Errno(Errno::EIO)) => return Err(Errno::ENOTTY.into()),
            other => other?,
        }
        let id: i32 = self.get()?;
        if id < 0 {
            return Err(Errno::EINVAL.into());
        }
        if !self.pty.is_callers(caller) {
            return Err(Errno::ENOTTY.into());
        }
        let group = self.pty.jobs().group_from(caller, id).ok_or(Errno::ESRCH)?;
        let session = caller.process.session();
        if self.pty.jobs().session_of_group(group) != Some(session) {
            return Err(Errno::EPERM.into());
        }
        self.pty.update(|state| {
            if let Some(control) = state.control.as_mut().filter(|control| control.session == session) {
                control.foreground = group;
            }
        });
        self.pty.jobs().set_foreground(session, group);
        Ok(0)
    }

    fn session(&self) -> Result<u64, Fail> {
        self.check_own()?;
        let control = self.pty.look(|state| state.control).ok_or(Errno::ENOTTY)?;
        self.put(&self.pty.jobs().id_for(self.io.caller, control.session))
    }

    /// Commands that only the master has.
    fn master_only(&self, command: u32) -> Result<u64, Fail> {
        let pty = self.pty;
        match command {
            TIOCGPTN => self.put(&pty.index()),
            TIOCSPTLCK => {
                let value: u32 = self.get()?;
                pty.update(|state| state.is_locked = value != 0);
                Ok(0)
            }
            TIOCGPTLCK => self.put(&u32::from(pty.look(|state| state.is_locked))),
            TIOCPKT => {
                let value: u32 = self.get()?;
                pty.update(|state| {
                    if value != 0 && !state.is_packet {
                        state.line.status = Packet::empty();
                    }
                    state.is_packet = value != 0;
                });
                Ok(0)
            }
            TIOCGPKT => self.put(&u32::from(pty.look(|state| state.is_packet))),
            TIOCGPTPEER => super::peer::open_peer(pty, self.io, self.arg),
            TIOCSIG => {
                // SIGINT, SIGQUIT and SIGTSTP: what the discipline can send by itself.
                if self.arg > NSIG || !matches!(self.arg, 2 | 3 | 20) {
                    return Err(Errno::EINVAL.into());
                }
                let group = pty.foreground();
                if group != 0 {
                    pty.jobs().signal_group(group, self.arg as u8);
                }
                Ok(0)
            }
            _ => Err(Errno::ENOTTY.into()),
        }
    }
}
