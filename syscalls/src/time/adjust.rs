//! The discipline of the real-time clock: `adjtimex(2)`. It can be looked at only.

use super::timeval;
use abi::Errno;
use abi::clock::{CLOCK_REALTIME, Timex};
use kernel::CurrentTask;
use mm::UserPtr;
use sync::Clock;

/// `ADJ_OFFSET_SS_READ`: reads, though its bits look like a change.
const OFFSET_SS_READ: u32 = 0xa001;
/// `STA_UNSYNC`: nobody disciplines the clock.
const UNSYNC: i32 = 0x40;
/// `TIME_ERROR`: the clock is not synchronised.
const TIME_ERROR: i32 = 5;

/// `adjtimex(2)`.
pub(crate) fn adjtimex(task: &mut CurrentTask, buf: UserPtr<Timex>) -> Result<i32, Errno> {
    let asked = buf.read(&**task.mm())?;
    if asked.modes != 0 && asked.modes != OFFSET_SS_READ {
        return Err(Errno::EPERM);
    }
    let timex = Timex {
        modes: asked.modes,
        maxerror: 16_000_000,
        esterror: 16_000_000,
        status: UNSYNC,
        constant: 2,
        precision: 1,
        tolerance: 32_768_000,
        time: timeval(sync::now(Clock::Realtime)),
        tick: 10_000,
        ..Timex::default()
    };
    buf.give(&**task.mm(), &timex)?;
    Ok(TIME_ERROR)
}

/// `clock_adjtime(2)`: of the real-time clock only.
pub(crate) fn clock_adjtime(task: &mut CurrentTask, clock: i32, buf: UserPtr<Timex>) -> Result<i32, Errno> {
    if clock == CLOCK_REALTIME {
        return adjtimex(task, buf);
    }
    buf.read(&**task.mm())?;
    kernel::clock::ClockSource::of(task.task(), clock)?;
    Err(Errno::EOPNOTSUPP)
}
