//! The output side of the line discipline: `OPOST`, columns, echo.

use super::discipline::{Discipline, OUTPUT_MAX};
use abi::tty::{InputModes, LocalModes, OutputModes};

/// A control character of ASCII.
pub(super) const fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

/// The longest that one byte becomes: a tab of 8 spaces.
const LONGEST: usize = 8;

/// What becomes of one byte of output.
struct Processed {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Processed {
    const fn one(byte: u8) -> Self {
        Self { bytes: [byte; 8], len: 1 }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Discipline {
    /// A writer can put something out now.
    pub(super) fn can_write(&self) -> bool {
        !self.is_stopped && self.output.len() + LONGEST <= OUTPUT_MAX
    }

    /// Takes output of the slave; how many bytes found room.
    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        if !self.termios.output().contains(OutputModes::OPOST) {
            let room = if self.can_write() { OUTPUT_MAX - self.output.len() } else { 0 };
            let n = bytes.len().min(room);
            self.output.extend(&bytes[..n]);
            return n;
        }
        for (done, &byte) in bytes.iter().enumerate() {
            if !self.can_write() {
                return done;
            }
            let processed = self.process(byte);
            if self.is_cooked_outside {
                self.output.push_back(byte);
            } else {
                self.output.extend(processed.as_slice());
            }
        }
        bytes.len()
    }

    /// A byte of UTF-8 that takes no column of its own.
    pub(super) fn is_continuation(&self, byte: u8) -> bool {
        self.has_input_mode(InputModes::IUTF8) && byte & 0xc0 == 0x80
    }

    fn process(&mut self, byte: u8) -> Processed {
        let modes = self.termios.output();
        match byte {
            b'\n' => {
                if modes.contains(OutputModes::ONLRET) {
                    self.column = 0;
                }
                if modes.contains(OutputModes::ONLCR) {
                    self.column = 0;
                    self.line_column = 0;
                    return Processed { bytes: *b"\r\n\0\0\0\0\0\0", len: 2 };
                }
                self.line_column = self.column;
            }
            b'\r' => {
                if modes.contains(OutputModes::ONOCR) && self.column == 0 {
                    return Processed { bytes: [0; 8], len: 0 };
                }
                if modes.contains(OutputModes::OCRNL) {
                    if modes.contains(OutputModes::ONLRET) {
                        self.column = 0;
                        self.line_column = 0;
                    }
                    return Processed::one(b'\n');
                }
                self.column = 0;
                self.line_column = 0;
            }
            b'\t' => {
                let spaces = 8 - (self.column & 7);
                self.column = self.column.wrapping_add(spaces);
                if modes.contains(OutputModes::XTABS) {
                    return Processed { bytes: [b' '; 8], len: spaces as usize };
                }
            }
            8 => self.column = self.column.saturating_sub(1),
            _ if !is_control(byte) => {
                if !self.is_continuation(byte) {
                    self.column = self.column.wrapping_add(1);
                }
                if modes.contains(OutputModes::OLCUC) {
                    return Processed::one(byte.to_ascii_uppercase());
                }
            }
            _ => {}
        }
        Processed::one(byte)
    }

    /// Remembers where the line of input began, before its first character is echoed.
    pub(super) fn note_line_column(&mut self) {
        if self.committed == self.input.len() {
            self.line_column = self.column;
        }
    }

    /// Echoes a character; a control character as `^X` with `ECHOCTL`.
    pub(super) fn echo(&mut self, byte: u8) {
        if self.has(LocalModes::ECHOCTL) && is_control(byte) && byte != b'\t' {
            self.column = self.column.wrapping_add(2);
            self.put_echo(&[b'^', byte ^ 0o100]);
        } else {
            self.echo_raw(byte);
        }
    }

    /// Echoes a byte as ordinary output.
    pub(super) fn echo_raw(&mut self, byte: u8) {
        if self.termios.output().contains(OutputModes::OPOST) {
            let processed = self.process(byte);
            self.put_echo(processed.as_slice());
        } else {
            self.put_echo(&[byte]);
        }
    }
}
