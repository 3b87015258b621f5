//! Line editing of the discipline: ERASE, WERASE and KILL.

use super::discipline::Discipline;
use super::output::is_control;
use abi::tty::{LocalModes, cc};

/// How much to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Erase {
    Character,
    Word,
    Line,
}

/// A letter or digit of Latin-1 or an underscore: part of a word.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}

impl Discipline {
    /// What the character erases.
    pub(super) fn erasing(&self, byte: u8) -> Option<Erase> {
        if self.is_control(cc::VERASE, byte) {
            Some(Erase::Character)
        } else if self.is_control(cc::VKILL, byte) {
            Some(Erase::Line)
        } else if self.has(LocalModes::IEXTEN) && self.is_control(cc::VWERASE, byte) {
            Some(Erase::Word)
        } else {
            None
        }
    }

    /// Erases from the end of the present line.
    pub(super) fn erase(&mut self, erase: Erase) {
        if self.input.len() == self.committed {
            return;
        }
        if erase == Erase::Line
            && !self.has(LocalModes::ECHO | LocalModes::ECHOK | LocalModes::ECHOKE | LocalModes::ECHOE)
        {
            self.kill_line();
            return;
        }
        let mut has_seen_word = false;
        while self.input.len() > self.committed {
            let Some(start) = self.last_character() else { break };
            let first = self.input[start].byte;
            if erase == Erase::Word {
                if is_word(first) {
                    has_seen_word = true;
                } else if has_seen_word {
                    break;
                }
            }
            let erased: Vec<u8> = self.input.drain(start..).map(|cell| cell.byte).collect();
            if self.has(LocalModes::ECHO) {
                self.echo_erased(erase, &erased);
            }
            if erase == Erase::Character {
                break;
            }
        }
        if self.input.len() == self.committed && self.has(LocalModes::ECHO) {
            self.finish_erasing();
        }
    }

    /// Drops the line at once, shown by the KILL character at most.
    fn kill_line(&mut self) {
        self.input.truncate(self.committed);
        if self.has(LocalModes::ECHO) {
            self.finish_erasing();
            self.echo(self.termios.cc[cc::VKILL]);
            if self.has(LocalModes::ECHOK) {
                self.echo_raw(b'\n');
            }
        }
    }

    /// Where the last character of the line begins: before its continuation bytes. `None` when the line has
    /// only such.
    fn last_character(&self) -> Option<usize> {
        (self.committed..self.input.len()).rev().find(|&i| !self.is_continuation(self.input[i].byte))
    }

    fn echo_erased(&mut self, erase: Erase, erased: &[u8]) {
        let Some(&first) = erased.first() else { return };
        if self.has(LocalModes::ECHOPRT) {
            if !self.is_erasing {
                self.echo_raw(b'\\');
                self.is_erasing = true;
            }
            self.echo(first);
            for &byte in &erased[1..] {
                self.echo_raw(byte);
            }
        } else if erase == Erase::Character && !self.has(LocalModes::ECHOE) {
            self.echo(self.termios.cc[cc::VERASE]);
        } else if first == b'\t' {
            self.echo_erased_tab();
        } else {
            let shows_control = self.has(LocalModes::ECHOCTL);
            let columns = match (is_control(first), shows_control) {
                (true, true) => 2,
                (true, false) => 0,
                (false, _) => 1,
            };
            for _ in 0..columns {
                self.echo_raw(8);
                self.echo_raw(b' ');
                self.echo_raw(8);
            }
        }
    }

    /// Goes back over a tab: its width depends on what stands before it in the line.
    fn echo_erased_tab(&mut self) {
        let mut columns = 0u32;
        let mut is_after_tab = false;
        for cell in self.input.range(self.committed..).rev() {
            if cell.byte == b'\t' {
                is_after_tab = true;
                break;
            }
            if is_control(cell.byte) {
                columns += if self.has(LocalModes::ECHOCTL) { 2 } else { 0 };
            } else if !self.is_continuation(cell.byte) {
                columns += 1;
            }
        }
        if !is_after_tab {
            columns = columns.wrapping_add(self.line_column);
        }
        for _ in 0..8 - (columns & 7) {
            self.put_echo(&[8]);
            self.column = self.column.saturating_sub(1);
        }
    }

    /// Closes the `\.../` of `ECHOPRT`.
    pub(super) fn finish_erasing(&mut self) {
        if self.is_erasing {
            self.is_erasing = false;
            self.echo_raw(b'/');
        }
    }
}
