//! A terminal of the host that is lent to the sandbox only once a program uses it.
//!
//! Until then its keys stay with the host: a sandbox in the background reads nothing of what the user types to
//! the shell, and what was typed ahead goes to whoever reads first, as with any other program. The host's
//! terminal is in its ordinary modes meanwhile, thus it processes output and echoes.

use super::pty::Pty;
use abi::Errno;
use abi::poll::Events;
use sync::Fail;
use vfs::Caller;

/// Who may use the host's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loan {
    /// The sandbox; also where there is no host's terminal.
    Given,
    /// The host, until a program asks; how it has asked.
    Kept(Asked),
    /// The host for good: the sandbox reads from the background of an orphaned group.
    Refused,
}

/// What a program has said to the lender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// Nothing.
    Nothing,
    /// That it looks for input.
    Softly,
    /// That it waits.
    Urgently,
}

/// One who lends a terminal: answers by [`super::HostConsole::lend`] or its kin, later.
pub trait Lender: Send + Sync {
    /// A program wants to use the terminal; `is_urgent`: it waits for that, else it only looks for input.
    fn ask(&self, is_urgent: bool);
}

impl Pty {
    /// A program wants to use the terminal: whether it may now. `EIO` when it never will.
    pub(super) fn want(&self, is_urgent: bool) -> Result<bool, Errno> {
        let said = match self.look(|state| state.loan) {
            Loan::Given => return Ok(true),
            Loan::Refused => return Err(Errno::EIO),
            Loan::Kept(said) => said,
        };
        let says = if is_urgent { Asked::Urgently } else { Asked::Softly };
        if says > said
            && self.note_asked(says)
            && let Some(lender) = self.lender()
        {
            lender.ask(is_urgent);
        }
        Ok(false)
    }

    /// False: somebody else has said it, or it is no longer to be said.
    fn note_asked(&self, says: Asked) -> bool {
        self.update(|state| match &mut state.loan {
            Loan::Kept(said) if *said < says => {
                *said = says;
                true
            }
            _ => false,
        })
    }

    /// Waits until the terminal is lent.
    pub(super) fn borrow(&self, caller: &Caller) -> Result<(), Fail> {
        caller.retry(self.slave_queue(), Events::all(), false, || match self.want(true) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Errno::EAGAIN),
            Err(errno) => Err(errno),
        })
    }

    /// The loan begins or ends.
    pub(super) fn set_loan(&self, loan: Loan) {
        self.update(|state| {
            state.loan = loan;
            state.line.is_cooked_outside = loan != Loan::Given;
        });
        // Readers ask again, or find that they may not.
        self.slave_queue().notify(Events::all());
    }
}
