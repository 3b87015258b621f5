//! The line discipline, byte for byte.

use super::discipline::{Discipline, INPUT_MAX, OUTPUT_MAX};
use abi::tty::{InputModes, LocalModes, OutputModes, Packet, Termios, cc};

fn with(change: impl FnOnce(&mut Termios)) -> Discipline {
    let mut discipline = Discipline::new();
    let mut termios = discipline.termios;
    change(&mut termios);
    discipline.set_termios(termios);
    discipline.status = Packet::empty();
    discipline
}

fn raw() -> Discipline {
    with(|termios| {
        termios.iflag = 0;
        termios.oflag = 0;
        termios.lflag = 0;
    })
}

fn output(discipline: &mut Discipline) -> String {
    discipline.output.drain(..).map(char::from).collect()
}

fn typed(discipline: &mut Discipline, text: &str) -> String {
    assert_eq!(discipline.receive(text.as_bytes()), text.len());
    output(discipline)
}

fn line(discipline: &mut Discipline) -> Option<String> {
    discipline.read(4096).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn a_line_is_echoed_and_read_when_it_ends() {
    let mut tty = Discipline::new();
    assert_eq!(typed(&mut tty, "ab"), "ab");
    assert_eq!(line(&mut tty), None);
    assert_eq!(typed(&mut tty, "c\rnext"), "c\r\nnext");
    assert_eq!(tty.readable(), 4);
    assert_eq!(line(&mut tty).as_deref(), Some("abc\n"));
    assert_eq!(line(&mut tty), None);
}

#[test]
fn short_reads_leave_the_rest_of_the_line() {
    let mut tty = Discipline::new();
    typed(&mut tty, "abc\ndef\n");
    assert_eq!(tty.read(2).as_deref(), Some(&b"ab"[..]));
    assert_eq!(tty.read(9).as_deref(), Some(&b"c\n"[..]));
    assert_eq!(tty.read(9).as_deref(), Some(&b"def\n"[..]));
}

#[test]
fn end_of_file_ends_a_read() {
    let mut tty = Discipline::new();
    assert_eq!(typed(&mut tty, "\x04"), "");
    assert!(tty.is_readable(1));
    assert_eq!(tty.readable(), 0);
    assert_eq!(line(&mut tty).as_deref(), Some(""));
    typed(&mut tty, "abc\x04");
    assert_eq!(line(&mut tty).as_deref(), Some("abc"));
    typed(&mut tty, "abc\x04");
    // A buffer of just the right size takes the end with it.
    assert_eq!(tty.read(3).as_deref(), Some(&b"abc"[..]));
    assert_eq!(tty.read(3), None);
}

#[test]
fn erase_takes_back_a_character() {
    let mut tty = Discipline::new();
    assert_eq!(typed(&mut tty, "ab\x7fc\n"), "ab\x08 \x08c\r\n");
    assert_eq!(line(&mut tty).as_deref(), Some("ac\n"));
    assert_eq!(typed(&mut tty, "\x7f\x7f"), "");
    // A control character shows two columns.
    assert_eq!(typed(&mut tty, "\x01\x7f"), "^A\x08 \x08\x08 \x08");
}

#[test]
fn erase_without_echoe_shows_the_character() {
    let mut tty = with(|termios| termios.lflag &= !LocalModes::ECHOE.bits());
    assert_eq!(typed(&mut tty, "a\x7f"), "a^?");
}

#[test]
fn erase_knows_utf8() {
    let mut tty = with(|termios| termios.iflag |= InputModes::IUTF8.bits());
    tty.receive("aé\x7f\n".as_bytes());
    assert_eq!(line(&mut tty).as_deref(), Some("a\n"));
    let bytes: Vec<u8> = tty.output.drain(..).collect();
    assert_eq!(bytes, b"a\xc3\xa9\x08 \x08\r\n");
    let mut tty = Discipline::new();
    tty.receive("é\x7f\n".as_bytes());
    assert_eq!(tty.read(9).as_deref(), Some(&b"\xc3\n"[..]));
}

#[test]
fn erase_goes_back_over_a_tab() {
    let mut tty = Discipline::new();
    tty.write(b"$ ");
    output(&mut tty);
    // Column 2, "ab" up to 4, the tab up to 8: four back.
    assert_eq!(typed(&mut tty, "ab\t\x7f"), "ab\t\x08\x08\x08\x08");
}

#[test]
fn word_erase_takes_blanks_and_a_word() {
    let mut tty = Discipline::new();
    typed(&mut tty, "one two_2  ");
    assert_eq!(typed(&mut tty, "\x17"), "\x08 \x08".repeat(7));
    typed(&mut tty, "\n");
    assert_eq!(line(&mut tty).as_deref(), Some("one \n"));
}

#[test]
fn kill_takes_the_line() {
    let mut tty = Discipline::new();
    typed(&mut tty, "first\nsecond");
    assert_eq!(typed(&mut tty, "\x15"), "\x08 \x08".repeat(6));
    typed(&mut tty, "x\n");
    assert_eq!(line(&mut tty).as_deref(), Some("first\n"));
    assert_eq!(line(&mut tty).as_deref(), Some("x\n"));
    let mut tty = with(|termios| termios.lflag &= !LocalModes::ECHOKE.bits());
    assert_eq!(typed(&mut tty, "ab\x15"), "ab^U\r\n");
}

#[test]
fn echoprt_shows_what_was_erased() {
    let mut tty = with(|termios| termios.lflag |= LocalModes::ECHOPRT.bits());
    assert_eq!(typed(&mut tty, "abc\x7f\x7fd\n"), "abc\\cb/d\r\n");
    assert_eq!(line(&mut tty).as_deref(), Some("ad\n"));
}

#[test]
fn literal_next_takes_the_meaning_away() {
    let mut tty = Discipline::new();
    assert_eq!(typed(&mut tty, "\x16\x03\x16\x7f\n"), "^\x08^C^\x08^?\r\n");
    assert!(tty.signals.is_empty());
    assert_eq!(line(&mut tty).as_deref(), Some("\x03\x7f\n"));
}

#[test]
fn reprint_shows_the_line_again() {
    let mut tty = Discipline::new();
    assert_eq!(typed(&mut tty, "ab\x12"), "ab^R\r\nab");
}

#[test]
fn signals_flush_unless_told_not_to() {
    let mut tty = Discipline::new();
    typed(&mut tty, "line\nab");
    tty.write(b"pending");
    assert_eq!(typed(&mut tty, "\x03"), "^C");
    assert_eq!(std::mem::take(&mut tty.signals), [2]);
    assert_eq!(line(&mut tty), None);
    assert_eq!(tty.status, Packet::FLUSHREAD | Packet::FLUSHWRITE);
    typed(&mut tty, "\x1c\x1a");
    assert_eq!(tty.signals, [3, 20]);
    let mut tty = with(|termios| termios.lflag |= LocalModes::NOFLSH.bits());
    typed(&mut tty, "ab\x03c\n");
    assert_eq!(line(&mut tty).as_deref(), Some("abc\n"));
    let mut tty = with(|termios| termios.lflag &= !LocalModes::ISIG.bits());
    typed(&mut tty, "\x03\n");
    assert!(tty.signals.is_empty());
    assert_eq!(line(&mut tty).as_deref(), Some("\x03\n"));
}

#[test]
fn flow_control_stops_and_starts() {
    let mut tty = Discipline::new();
    assert_eq!(typed(&mut tty, "\x13"), "");
    assert_eq!(tty.write(b"x"), 0);
    // Echo waits as well.
    assert_eq!(typed(&mut tty, "ab"), "");
    assert_eq!(typed(&mut tty, "\x11"), "ab");
    assert_eq!(tty.write(b"x"), 1);
    assert_eq!(tty.status, Packet::START);
    typed(&mut tty, "\x13");
    let mut termios = tty.termios;
    termios.iflag &= !InputModes::IXON.bits();
    tty.set_termios(termios);
    assert_eq!(tty.write(b"x"), 1);
    assert!(tty.status.contains(Packet::NOSTOP));
}

#[test]
fn any_character_starts_with_ixany() {
    let mut tty = with(|termios| termios.iflag |= InputModes::IXANY.bits());
    assert_eq!(typed(&mut tty, "\x13"), "");
    assert_eq!(typed(&mut tty, "a"), "a");
}

#[test]
fn carriage_returns_and_newlines_of_input() {
    let mut tty = with(|termios| termios.iflag = InputModes::IGNCR.bits());
    typed(&mut tty, "a\rb\n");
    assert_eq!(line(&mut tty).as_deref(), Some("ab\n"));
    let mut tty = with(|termios| {
        termios.iflag = InputModes::INLCR.bits();
        termios.lflag = 0;
    });
    typed(&mut tty, "a\n");
    assert_eq!(line(&mut tty).as_deref(), Some("a\r"));
    let mut tty = with(|termios| termios.iflag |= InputModes::ISTRIP.bits());
    tty.receive(b"\xe1\n");
    assert_eq!(line(&mut tty).as_deref(), Some("a\n"));
}

#[test]
fn end_of_line_characters() {
    let mut tty = with(|termios| termios.cc[cc::VEOL] = b';');
    assert_eq!(typed(&mut tty, "ab;"), "ab;");
    assert_eq!(line(&mut tty).as_deref(), Some("ab;"));
}

#[test]
fn newline_is_echoed_alone_with_echonl() {
    let mut tty = with(|termios| {
        termios.lflag &= !LocalModes::ECHO.bits();
        termios.lflag |= LocalModes::ECHONL.bits();
    });
    assert_eq!(typed(&mut tty, "secret\n"), "\r\n");
}

#[test]
fn raw_mode_passes_everything() {
    let mut tty = raw();
    assert_eq!(typed(&mut tty, "\x03\x04\r\n\x7f"), "");
    assert!(!tty.is_readable(6));
    assert!(tty.is_readable(5));
    assert_eq!(tty.read(3).as_deref(), Some(&b"\x03\x04\r"[..]));
    assert_eq!(tty.read(3).as_deref(), Some(&b"\n\x7f"[..]));
    assert_eq!(tty.read(3), None);
    tty.write(b"\n\t");
    assert_eq!(output(&mut tty), "\n\t");
}

#[test]
fn modes_change_with_input_waiting() {
    let mut tty = Discipline::new();
    typed(&mut tty, "abc");
    let canonical = tty.termios;
    let mut termios = canonical;
    termios.lflag &= !LocalModes::ICANON.bits();
    tty.set_termios(termios);
    assert_eq!(tty.read(1).as_deref(), Some(&b"a"[..]));
    tty.set_termios(canonical);
    assert_eq!(line(&mut tty).as_deref(), Some("bc"));
}

#[test]
fn output_processing() {
    let mut tty = Discipline::new();
    tty.write(b"a\nb");
    assert_eq!(output(&mut tty), "a\r\nb");
    let mut tty = with(|termios| termios.oflag |= OutputModes::XTABS.bits());
    tty.write(b"ab\tc\n\t");
    assert_eq!(output(&mut tty), "ab      c\r\n        ");
    let mut tty = with(|termios| termios.oflag = (OutputModes::OPOST | OutputModes::OCRNL).bits());
    tty.write(b"a\r");
    assert_eq!(output(&mut tty), "a\n");
    let mut tty = with(|termios| termios.oflag = (OutputModes::OPOST | OutputModes::ONOCR).bits());
    tty.write(b"\ra\r\r");
    assert_eq!(output(&mut tty), "a\r");
    let mut tty = with(|termios| termios.oflag = (OutputModes::OPOST | OutputModes::OLCUC).bits());
    tty.write(b"aB");
    assert_eq!(output(&mut tty), "AB");
}

#[test]
fn queues_are_bounded() {
    let mut tty = Discipline::new();
    let long = vec![b'x'; INPUT_MAX + 100];
    assert_eq!(tty.receive(&long), long.len());
    tty.receive(b"\n");
    assert_eq!(tty.readable(), INPUT_MAX + 1);
    // A whole line waits: what follows does not fit.
    assert_eq!(tty.receive(b"more"), 0);
    let mut tty = raw();
    assert_eq!(tty.receive(&long), INPUT_MAX);
    let huge = vec![b'x'; OUTPUT_MAX + 5];
    assert_eq!(tty.write(&huge), OUTPUT_MAX);
    assert_eq!(tty.write(b"x"), 0);
    let mut tty = Discipline::new();
    for _ in 0..100 {
        tty.receive(&long);
        tty.receive(b"\x15");
    }
    assert!(tty.output.len() <= OUTPUT_MAX + 4096);
}
