//! The line discipline: what a terminal does with the bytes that pass through it.
//!
//! Pure state: no locks, no waiting. `termios(3)`; the finer points are those of Linux's `N_TTY`.

use abi::tty::{DISABLED, InputModes, LocalModes, Packet, Termios, cc};
use std::collections::VecDeque;

/// Input bytes that wait for a reader at most; a longer line loses its end.
pub(super) const INPUT_MAX: usize = 4095;
/// Output bytes that wait for the master at most.
pub(super) const OUTPUT_MAX: usize = 65536;
/// Echo that may come on top of a full output queue, or while output is stopped.
const ECHO_MAX: usize = 4096;

const SIGINT: u8 = 2;
const SIGQUIT: u8 = 3;
const SIGTSTP: u8 = 20;

/// An input byte; `ends_line` marks the end of a line for canonical reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) byte: u8,
    pub(super) ends_line: bool,
}

/// Both directions of one terminal.
#[derive(Debug)]
pub(super) struct Discipline {
    pub(super) termios: Termios,
    /// What the slave may read, once it is committed (canonical mode) or at once (raw).
    pub(super) input: VecDeque<Cell>,
    /// Cells at the front of `input` that make whole lines.
    pub(super) committed: usize,
    /// What the master may read.
    pub(super) output: VecDeque<u8>,
    /// Echo made while output is stopped.
    held_echo: Vec<u8>,
    /// Signals for the foreground group, to be sent by the owner.
    pub(super) signals: Vec<u8>,
    /// News for a master in packet mode.
    pub(super) status: Packet,
    /// Output is stopped by the STOP character or by `TCXONC`.
    pub(super) is_stopped: bool,
    /// ... by `TCXONC`: no character starts it again.
    pub(super) is_stopped_by_call: bool,
    /// The cursor's column, and where the present line of input began.
    pub(super) column: u32,
    pub(super) line_column: u32,
    /// The host's terminal processes output and echoes input: its modes are those of a new terminal.
    pub(super) is_cooked_outside: bool,
    /// The next character is literal.
    is_literal: bool,
    /// Within `\...` of `ECHOPRT`.
    pub(super) is_erasing: bool,
}

impl Discipline {
    pub(super) fn new() -> Self {
        Self {
            termios: Termios::initial(),
            input: VecDeque::new(),
            committed: 0,
            output: VecDeque::new(),
            held_echo: Vec::new(),
            signals: Vec::new(),
            status: Packet::empty(),
            is_stopped: false,
            is_stopped_by_call: false,
            column: 0,
            line_column: 0,
            is_cooked_outside: false,
            is_literal: false,
            is_erasing: false,
        }
    }

    pub(super) fn has(&self, mode: LocalModes) -> bool {
        self.termios.local().contains(mode)
    }

    pub(super) fn has_input_mode(&self, mode: InputModes) -> bool {
        self.termios.input().contains(mode)
    }

    /// Lines, not bytes, are read.
    pub(super) fn is_canonical(&self) -> bool {
        self.has(LocalModes::ICANON) && !self.has(LocalModes::EXTPROC)
    }

    /// `byte` is the control character `index`, and that is not switched off.
    pub(super) fn is_control(&self, index: usize, byte: u8) -> bool {
        self.termios.cc.get(index).is_some_and(|&control| control != DISABLED && control == byte)
    }

    /// Takes input from the master; how many bytes were used. The rest has to wait for a reader.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> usize {
        for (used, &byte) in bytes.iter().enumerate() {
            if self.input.len() >= INPUT_MAX {
                if !self.has(LocalModes::ICANON) || self.committed > 0 {
                    return used;
                }
                // A line that is too long loses its last byte for the new one: its end can still come.
                self.input.truncate(INPUT_MAX);
            }
            self.receive_byte(byte);
        }
        bytes.len()
    }

    /// As [`Self::receive`] for input that was echoed outside.
    pub(super) fn receive_echoed(&mut self, bytes: &[u8]) -> usize {
        let modes = self.termios;
        self.termios.lflag &= !(LocalModes::ECHO | LocalModes::ECHONL).bits();
        let used = self.receive(bytes);
        self.termios = modes;
        used
    }

    fn receive_byte(&mut self, mut byte: u8) {
        if self.has_input_mode(InputModes::ISTRIP) {
            byte &= 0x7f;
        }
        if self.has_input_mode(InputModes::IUCLC) && self.has(LocalModes::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if self.has(LocalModes::EXTPROC) {
            self.queue(byte, false);
        } else if std::mem::take(&mut self.is_literal) {
            self.receive_plain(byte);
        } else if !self.receive_flow(byte) && !self.receive_signal(byte) {
            self.receive_data(byte);
        }
    }

    /// START and STOP.
    fn receive_flow(&mut self, byte: u8) -> bool {
        if !self.has_input_mode(InputModes::IXON) {
            return false;
        }
        if self.is_control(cc::VSTART, byte) {
            self.start();
            return true;
        }
        if self.is_control(cc::VSTOP, byte) {
            self.stop();
            return true;
        }
        false
    }

    /// INTR, QUIT and SUSP.
    fn receive_signal(&mut self, byte: u8) -> bool {
        if !self.has(LocalModes::ISIG) {
            return false;
        }
        let Some(&(_, signal)) = [(cc::VINTR, SIGINT), (cc::VQUIT, SIGQUIT), (cc::VSUSP, SIGTSTP)]
            .iter()
            .find(|&&(index, _)| self.is_control(index, byte))
        else {
            return false;
        };
        self.signals.push(signal);
        if !self.has(LocalModes::NOFLSH) {
            self.held_echo.clear();
            self.flush_output();
            self.flush_input();
        }
        if self.has_input_mode(InputModes::IXON) {
            self.start();
        }
        if self.has(LocalModes::ECHO) {
            self.echo(byte);
        }
        true
    }

    fn receive_data(&mut self, mut byte: u8) {
        self.restart_by_any();
        match byte {
            b'\r' if self.has_input_mode(InputModes::IGNCR) => return,
            b'\r' if self.has_input_mode(InputModes::ICRNL) => byte = b'\n',
            b'\n' if self.has_input_mode(InputModes::INLCR) => byte = b'\r',
            _ => {}
        }
        if self.has(LocalModes::ICANON) && self.receive_editing(byte) {
            return;
        }
        if byte == b'\n' && self.has(LocalModes::ECHO) {
            self.finish_erasing();
            self.echo_raw(b'\n');
            self.queue_marked(byte, false);
        } else {
            self.receive_plain(byte);
        }
    }

    /// A character without meaning.
    fn receive_plain(&mut self, byte: u8) {
        self.restart_by_any();
        if self.has(LocalModes::ECHO) {
            self.finish_erasing();
            self.note_line_column();
            self.echo(byte);
        }
        self.queue_marked(byte, false);
    }

    fn restart_by_any(&mut self) {
        if self.is_stopped && self.has_input_mode(InputModes::IXON | InputModes::IXANY) {
            self.start();
        }
    }

    /// The characters of canonical mode.
    fn receive_editing(&mut self, byte: u8) -> bool {
        let is_extended = self.has(LocalModes::IEXTEN);
        let is_echoed = self.has(LocalModes::ECHO);
        if let Some(erase) = self.erasing(byte) {
            self.erase(erase);
        } else if is_extended && self.is_control(cc::VLNEXT, byte) {
            self.is_literal = true;
            if is_echoed {
                self.finish_erasing();
                if self.has(LocalModes::ECHOCTL) {
                    self.echo_raw(b'^');
                    self.echo_raw(8);
                }
            }
        } else if is_extended && is_echoed && self.is_control(cc::VREPRINT, byte) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if is_echoed || self.has(LocalModes::ECHONL) {
                self.echo_raw(b'\n');
            }
            self.end_line(byte);
        } else if self.is_control(cc::VEOF, byte) {
            self.end_line(DISABLED);
        } else if self.is_control(cc::VEOL, byte) || (is_extended && self.is_control(cc::VEOL2, byte)) {
            if is_echoed {
                self.note_line_column();
                self.echo(byte);
            }
            self.double_marked(byte);
            self.end_line(byte);
        } else {
            return false;
        }
        true
    }

    fn reprint(&mut self, byte: u8) {
        self.finish_erasing();
        self.echo(byte);
        self.echo_raw(b'\n');
        for i in self.committed..self.input.len() {
            let byte = self.input[i].byte;
            self.echo(byte);
        }
    }

    fn end_line(&mut self, byte: u8) {
        self.queue(byte, true);
        self.committed = self.input.len();
    }

    /// With `PARMRK` a byte 0xff is doubled, so that it is no mark.
    fn double_marked(&mut self, byte: u8) {
        if byte == 0xff && self.has_input_mode(InputModes::PARMRK) {
            self.queue(byte, false);
        }
    }

    fn queue_marked(&mut self, byte: u8, ends_line: bool) {
        self.double_marked(byte);
        self.queue(byte, ends_line);
    }

    fn queue(&mut self, byte: u8, ends_line: bool) {
        self.input.push_back(Cell { byte, ends_line });
    }

    /// Stops output.
    pub(super) fn stop(&mut self) {
        if !self.is_stopped {
            self.is_stopped = true;
            self.status.remove(Packet::START);
            self.status.insert(Packet::STOP);
        }
    }

    /// Starts output again, unless a call stopped it.
    pub(super) fn start(&mut self) {
        if self.is_stopped && !self.is_stopped_by_call {
            self.is_stopped = false;
            self.status.remove(Packet::STOP);
            self.status.insert(Packet::START);
            self.output.extend(self.held_echo.drain(..));
        }
    }

    /// Throws away what no reader has taken.
    pub(super) fn flush_input(&mut self) {
        self.input.clear();
        self.committed = 0;
        self.is_erasing = false;
        self.is_literal = false;
        self.status.insert(Packet::FLUSHREAD);
    }

    /// Throws away what the master has not taken.
    pub(super) fn flush_output(&mut self) {
        self.output.clear();
        self.status.insert(Packet::FLUSHWRITE);
    }

    /// Puts echo out, or aside while output is stopped. Beyond its bound echo is lost.
    pub(super) fn put_echo(&mut self, bytes: &[u8]) {
        if self.is_stopped {
            if self.held_echo.len() + bytes.len() <= ECHO_MAX {
                self.held_echo.extend_from_slice(bytes);
            }
        } else if self.output.len() + bytes.len() <= OUTPUT_MAX + ECHO_MAX {
            self.output.extend(bytes);
        }
    }

    /// Changes the modes; what waits stays readable.
    pub(super) fn set_termios(&mut self, new: Termios) {
        let old = std::mem::replace(&mut self.termios, new);
        let changed = LocalModes::from_bits_retain(old.lflag ^ new.lflag);
        if changed.intersects(LocalModes::ICANON | LocalModes::EXTPROC) {
            for cell in &mut self.input {
                cell.ends_line = false;
            }
            self.committed = 0;
            if new.local().contains(LocalModes::ICANON)
                && let Some(last) = self.input.back_mut()
            {
                last.ends_line = true;
                self.committed = self.input.len();
            }
            self.is_erasing = false;
            self.is_literal = false;
        }
        if old.input().contains(InputModes::IXON) && !new.input().contains(InputModes::IXON) {
            self.start();
        }
        self.note_flow_change(&old);
    }

    fn note_flow_change(&mut self, old: &Termios) {
        let flow = |termios: &Termios| {
            termios.input().contains(InputModes::IXON)
                && termios.cc[cc::VSTOP] == 0o23
                && termios.cc[cc::VSTART] == 0o21
        };
        let new = self.termios;
        if flow(old) != flow(&new) {
            self.status.remove(Packet::DOSTOP | Packet::NOSTOP);
            self.status.insert(if flow(&new) { Packet::DOSTOP } else { Packet::NOSTOP });
        }
        if (old.lflag | new.lflag) & LocalModes::EXTPROC.bits() != 0 {
            self.status.insert(Packet::IOCTL);
        }
    }

    /// Bytes that a read could get now: `FIONREAD`.
    pub(super) fn readable(&self) -> usize {
        if !self.is_canonical() {
            return self.input.len();
        }
        let lines = self.input.iter().take(self.committed);
        lines.filter(|cell| !(cell.ends_line && cell.byte == DISABLED)).count()
    }

    /// A read would find something, were it only the end of the file. `enough` is the number of raw bytes
    /// asked for.
    pub(super) fn is_readable(&self, enough: usize) -> bool {
        if self.is_canonical() { self.committed > 0 } else { self.input.len() >= enough.max(1) }
    }

    /// Takes at most `max` bytes: in canonical mode at most one line (an empty result is the end of
    /// the file). `None`: there is nothing yet.
    pub(super) fn read(&mut self, max: usize) -> Option<Vec<u8>> {
        if !self.is_canonical() {
            let n = self.input.len().min(max);
            self.committed = self.committed.saturating_sub(n);
            return (n > 0).then(|| self.input.drain(..n).map(|cell| cell.byte).collect());
        }
        if self.committed == 0 {
            return None;
        }
        let mut line = Vec::new();
        while line.len() < max && self.committed > 0 {
            let Some(cell) = self.input.pop_front() else { break };
            self.committed -= 1;
            if cell.ends_line && cell.byte == DISABLED {
                return Some(line);
            }
            line.push(cell.byte);
            if cell.ends_line {
                return Some(line);
            }
        }
        // The buffer is full; an end of file right behind it only ended this line.
        if self.committed > 0 && self.input.front().is_some_and(|cell| cell.ends_line && cell.byte == DISABLED) {
            self.input.pop_front();
            self.committed -= 1;
        }
        Some(line)
    }
}
