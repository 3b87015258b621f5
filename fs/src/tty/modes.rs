//! Commands about modes, flow and queues: `termios(3)`, `TCSETS(2const)`, `TCXONC(2const)`, `TCFLSH(2const)`.
//! Those of the master are about the slave.

use super::ioctl::{Command, Side};
use super::pty::State;
use abi::Errno;
use abi::tty::{ControlModes, DISABLED, Termio, Termios, Termios2, cc, ioctl::*};
use sync::Fail;

/// Speeds of the codes `B0` to `B38400` (`termios(3)`).
const SPEEDS: [u32; 16] = [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];
/// Speeds of the codes with `CBAUDEX`, from 0o10001 on.
const FAST_SPEEDS: [u32; 15] = [
    57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000,
    3_000_000, 3_500_000, 4_000_000,
];
/// The speed is a number of its own.
const BOTHER: u32 = 0o10000;

/// The speed that a code stands for; `None` for `BOTHER`.
fn speed(cflag: u32) -> Option<u32> {
    let code = cflag & ControlModes::CBAUD.bits();
    let fast = || (code & 0o17).checked_sub(1).and_then(|i| FAST_SPEEDS.get(i as usize));
    let found = if code & BOTHER == 0 { SPEEDS.get(code as usize) } else { fast() };
    found.copied()
}

/// `TCGETS` and `TCSETS` with all their kin.
pub(super) fn termios(on: &Command<'_>, command: u32) -> Result<u64, Fail> {
    let old = on.pty.look(|state| state.line.termios);
    let new = match command {
        TCGETS => return on.write_back(&old),
        TCGETS2 => {
            let own = on.pty.look(|state| state.speeds);
            let [ispeed, ospeed] = speed(old.cflag).map_or(own, |speed| [speed, speed]);
            return on.write_back(&Termios2 { base: old, ispeed, ospeed });
        }
        TCGETA => return on.write_back(&to_termio(&old)),
        _ => {
            on.check_change()?;
            match command {
                TCSETA | TCSETAW | TCSETAF => from_termio(&on.get()?, &old),
                TCSETS2 | TCSETSW2 | TCSETSF2 => {
                    let new = on.get::<Termios2>()?;
                    on.pty.update(|state| state.speeds = [new.ispeed, new.ospeed]);
                    new.base
                }
                _ => on.get::<Termios>()?,
            }
        }
    };
    on.pty.update(|state| {
        if matches!(command, TCSETSF | TCSETSF2 | TCSETAF) {
            state.line.flush_input();
        }
        state.line.set_termios(with_locks(checked(new), &old, &state.locked));
    });
    Ok(0)
}

/// What a pseudoterminal makes of the modes that it is given: always 8 bits without parity.
const fn checked(mut termios: Termios) -> Termios {
    let fixed = ControlModes::CS8.bits() | ControlModes::PARENB.bits();
    termios.cflag = termios.cflag & !fixed | ControlModes::CS8.bits() | ControlModes::CREAD.bits();
    termios
}

/// `TIOCSLCKTRMIOS`.
pub(super) fn lock(on: &Command<'_>) -> Result<u64, Fail> {
    on.check_restorer()?;
    let locked = on.get()?;
    on.pty.update(|state| state.locked = locked);
    Ok(0)
}

/// New modes, but for those that are locked: these stay.
fn with_locks(new: Termios, old: &Termios, locked: &Termios) -> Termios {
    let flags = |new: u32, old: u32, locked: u32| new & !locked | old & locked;
    let character = |new: u8, old: u8, locked: u8| if locked == 0 { new } else { old };
    Termios {
        iflag: flags(new.iflag, old.iflag, locked.iflag),
        oflag: flags(new.oflag, old.oflag, locked.oflag),
        cflag: flags(new.cflag, old.cflag, locked.cflag),
        lflag: flags(new.lflag, old.lflag, locked.lflag),
        line: character(new.line, old.line, locked.line),
        cc: std::array::from_fn(|i| character(new.cc[i], old.cc[i], locked.cc[i])),
    }
}

fn to_termio(termios: &Termios) -> Termio {
    let mut old = Termio {
        iflag: termios.iflag as u16,
        oflag: termios.oflag as u16,
        cflag: termios.cflag as u16,
        lflag: termios.lflag as u16,
        line: termios.line,
        ..Termio::default()
    };
    old.cc.copy_from_slice(&termios.cc[..8]);
    old
}

fn from_termio(old: &Termio, base: &Termios) -> Termios {
    const HIGH: u32 = 0xffff_0000;
    let mut termios = Termios {
        iflag: base.iflag & HIGH | u32::from(old.iflag),
        oflag: base.oflag & HIGH | u32::from(old.oflag),
        cflag: base.cflag & HIGH | u32::from(old.cflag),
        lflag: base.lflag & HIGH | u32::from(old.lflag),
        line: old.line,
        cc: base.cc,
    };
    termios.cc[..8].copy_from_slice(&old.cc);
    termios
}

/// `TCXONC`: stops and starts.
pub(super) fn flow(on: &Command<'_>) -> Result<u64, Fail> {
    on.check_change()?;
    match on.arg {
        abi::tty::TCOOFF => on.pty.update(|state| {
            state.line.stop();
            state.line.is_stopped_by_call = true;
        }),
        abi::tty::TCOON => on.pty.update(|state| {
            state.line.is_stopped_by_call = false;
            state.line.start();
        }),
        abi::tty::TCIOFF => send_character(on, cc::VSTOP),
        abi::tty::TCION => send_character(on, cc::VSTART),
        _ => return Err(Errno::EINVAL.into()),
    }
    Ok(0)
}

/// Puts a flow control character out, past everything.
fn send_character(on: &Command<'_>, index: usize) {
    on.pty.update(|state| {
        let character = state.line.termios.cc[index];
        if character != DISABLED {
            state.line.put_echo(&[character]);
        }
    });
}

/// `TCFLSH`: what the slave reads is the master's output, and the other way round.
pub(super) fn flush(on: &Command<'_>) -> Result<u64, Fail> {
    on.check_change()?;
    let (does_in, does_out) = match on.arg {
        abi::tty::TCIFLUSH => (true, false),
        abi::tty::TCOFLUSH => (false, true),
        abi::tty::TCIOFLUSH => (true, true),
        _ => return Err(Errno::EINVAL.into()),
    };
    let (slave_input, slave_output) = match on.side {
        Side::Slave => (does_in, does_out),
        Side::Master => (does_out, does_in),
    };
    on.pty.update(|state| {
        if slave_input {
            state.flush_input();
        }
        if slave_output {
            state.line.flush_output();
        }
    });
    Ok(0)
}

impl State {
    /// Throws all input away, that of the discipline and that before it.
    fn flush_input(&mut self) {
        self.drop_pending();
        self.line.flush_input();
    }
}
