//! Terminals: `termios(3)`, `ioctl_tty(2)`, `pty(7)`; values of `asm-generic/termbits.h` and `ioctls.h`.
#![expect(missing_docs, reason = "the names of termios(3) and ioctl_tty(2)")]

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Number of control characters in the kernel's `termios`.
pub const NCCS: usize = 19;

/// `struct termios` of the kernel (not the C library's).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of termios(3)")]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub line: u8,
    pub cc: [u8; NCCS],
}

/// `struct termios2`: with explicit speeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of ioctl_tty(2)")]
pub struct Termios2 {
    pub base: Termios,
    pub ispeed: u32,
    pub ospeed: u32,
}

/// `struct termio` of System V: 16-bit flags, 8 control characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of ioctl_tty(2)")]
pub struct Termio {
    pub iflag: u16,
    pub oflag: u16,
    pub cflag: u16,
    pub lflag: u16,
    pub line: u8,
    pub cc: [u8; 8],
    pub _pad: u8,
}

/// `struct winsize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of TIOCGWINSZ(2const)")]
pub struct Winsize {
    pub rows: u16,
    pub cols: u16,
    pub xpixel: u16,
    pub ypixel: u16,
}

bitflags! {
    /// Input modes: `c_iflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct InputModes: u32 {
        const IGNBRK = 0o1;
        const BRKINT = 0o2;
        const IGNPAR = 0o4;
        const PARMRK = 0o10;
        const INPCK = 0o20;
        const ISTRIP = 0o40;
        const INLCR = 0o100;
        const IGNCR = 0o200;
        const ICRNL = 0o400;
        const IUCLC = 0o1000;
        const IXON = 0o2000;
        const IXANY = 0o4000;
        const IXOFF = 0o10000;
        const IMAXBEL = 0o20000;
        const IUTF8 = 0o40000;
        const _ = !0;
    }
}

bitflags! {
    /// Output modes: `c_oflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OutputModes: u32 {
        const OPOST = 0o1;
        const OLCUC = 0o2;
        const ONLCR = 0o4;
        const OCRNL = 0o10;
        const ONOCR = 0o20;
        const ONLRET = 0o40;
        /// All bits of the tab delay; this value means: expand tabs.
        const XTABS = 0o14000;
        const _ = !0;
    }
}

bitflags! {
    /// Control modes: `c_cflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ControlModes: u32 {
        const B38400 = 0o17;
        const CBAUD = 0o10017;
        const CS8 = 0o60;
        const CSTOPB = 0o100;
        const CREAD = 0o200;
        const PARENB = 0o400;
        const PARODD = 0o1000;
        const HUPCL = 0o2000;
        const CLOCAL = 0o4000;
        const _ = !0;
    }
}

bitflags! {
    /// Local modes: `c_lflag`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LocalModes: u32 {
        const ISIG = 0o1;
        const ICANON = 0o2;
        const XCASE = 0o4;
        const ECHO = 0o10;
        const ECHOE = 0o20;
        const ECHOK = 0o40;
        const ECHONL = 0o100;
        const NOFLSH = 0o200;
        const TOSTOP = 0o400;
        const ECHOCTL = 0o1000;
        const ECHOPRT = 0o2000;
        const ECHOKE = 0o4000;
        const FLUSHO = 0o10000;
        const PENDIN = 0o40000;
        const IEXTEN = 0o100000;
        const EXTPROC = 0o200000;
        const _ = !0;
    }
}

/// Indices into `c_cc`.
#[expect(missing_docs, reason = "the names of termios(3)")]
pub mod cc {
    pub const VINTR: usize = 0;
    pub const VQUIT: usize = 1;
    pub const VERASE: usize = 2;
    pub const VKILL: usize = 3;
    pub const VEOF: usize = 4;
    pub const VTIME: usize = 5;
    pub const VMIN: usize = 6;
    pub const VSWTC: usize = 7;
    pub const VSTART: usize = 8;
    pub const VSTOP: usize = 9;
    pub const VSUSP: usize = 10;
    pub const VEOL: usize = 11;
    pub const VREPRINT: usize = 12;
    pub const VDISCARD: usize = 13;
    pub const VWERASE: usize = 14;
    pub const VLNEXT: usize = 15;
    pub const VEOL2: usize = 16;
}

/// A control character with this value is switched off (`_POSIX_VDISABLE`).
pub const DISABLED: u8 = 0;

impl Termios {
    /// What a new pseudoterminal starts with.
    pub const fn initial() -> Self {
        Self {
            iflag: InputModes::ICRNL.union(InputModes::IXON).bits(),
            oflag: OutputModes::OPOST.union(OutputModes::ONLCR).bits(),
            cflag: ControlModes::B38400.union(ControlModes::CS8).union(ControlModes::CREAD).bits(),
            lflag: LocalModes::ISIG
                .union(LocalModes::ICANON)
                .union(LocalModes::ECHO)
                .union(LocalModes::ECHOE)
                .union(LocalModes::ECHOK)
                .union(LocalModes::ECHOCTL)
                .union(LocalModes::ECHOKE)
                .union(LocalModes::IEXTEN)
                .bits(),
            line: 0,
            cc: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
        }
    }

    /// Input modes.
    pub const fn input(&self) -> InputModes {
        InputModes::from_bits_retain(self.iflag)
    }

    /// Output modes.
    pub const fn output(&self) -> OutputModes {
        OutputModes::from_bits_retain(self.oflag)
    }

    /// Local modes.
    pub const fn local(&self) -> LocalModes {
        LocalModes::from_bits_retain(self.lflag)
    }
}

/// Commands of `ioctl_tty(2)`.
#[expect(missing_docs, reason = "the names of ioctl_tty(2)")]
pub mod ioctl {
    pub const TCGETS: u32 = 0x5401;
    pub const TCSETS: u32 = 0x5402;
    pub const TCSETSW: u32 = 0x5403;
    pub const TCSETSF: u32 = 0x5404;
    pub const TCGETA: u32 = 0x5405;
    pub const TCSETA: u32 = 0x5406;
    pub const TCSETAW: u32 = 0x5407;
    pub const TCSETAF: u32 = 0x5408;
    pub const TCSBRK: u32 = 0x5409;
    pub const TCXONC: u32 = 0x540A;
    pub const TCFLSH: u32 = 0x540B;
    pub const TIOCEXCL: u32 = 0x540C;
    pub const TIOCNXCL: u32 = 0x540D;
    pub const TIOCSCTTY: u32 = 0x540E;
    pub const TIOCGPGRP: u32 = 0x540F;
    pub const TIOCSPGRP: u32 = 0x5410;
    pub const TIOCOUTQ: u32 = 0x5411;
    pub const TIOCSTI: u32 = 0x5412;
    pub const TIOCGWINSZ: u32 = 0x5413;
    pub const TIOCSWINSZ: u32 = 0x5414;
    pub const TIOCMGET: u32 = 0x5415;
    pub const TIOCGSOFTCAR: u32 = 0x5419;
    pub const TIOCSSOFTCAR: u32 = 0x541A;
    /// Also `TIOCINQ`.
    pub const FIONREAD: u32 = 0x541B;
    pub const TIOCCONS: u32 = 0x541D;
    pub const TIOCPKT: u32 = 0x5420;
    pub const TIOCNOTTY: u32 = 0x5422;
    pub const TIOCSETD: u32 = 0x5423;
    pub const TIOCGETD: u32 = 0x5424;
    pub const TCSBRKP: u32 = 0x5425;
    pub const TIOCSBRK: u32 = 0x5427;
    pub const TIOCCBRK: u32 = 0x5428;
    pub const TIOCGSID: u32 = 0x5429;
    pub const TCGETS2: u32 = 0x802C_542A;
    pub const TCSETS2: u32 = 0x402C_542B;
    pub const TCSETSW2: u32 = 0x402C_542C;
    pub const TCSETSF2: u32 = 0x402C_542D;
    pub const TIOCGPTN: u32 = 0x8004_5430;
    pub const TIOCSPTLCK: u32 = 0x4004_5431;
    pub const TIOCGDEV: u32 = 0x8004_5432;
    pub const TIOCSIG: u32 = 0x4004_5436;
    pub const TIOCVHANGUP: u32 = 0x5437;
    pub const TIOCGPKT: u32 = 0x8004_5438;
    pub const TIOCGPTLCK: u32 = 0x8004_5439;
    pub const TIOCGLCKTRMIOS: u32 = 0x5456;
    pub const TIOCSLCKTRMIOS: u32 = 0x5457;
    pub const TIOCGEXCL: u32 = 0x8004_5440;
    pub const TIOCGPTPEER: u32 = 0x5441;
}

/// `TCFLSH` argument: flush input.
pub const TCIFLUSH: u64 = 0;
/// `TCFLSH` argument: flush output.
pub const TCOFLUSH: u64 = 1;
/// `TCFLSH` argument: flush both.
pub const TCIOFLUSH: u64 = 2;
/// `TCXONC` argument: suspend output.
pub const TCOOFF: u64 = 0;
/// `TCXONC` argument: restart output.
pub const TCOON: u64 = 1;
/// `TCXONC` argument: send the STOP character.
pub const TCIOFF: u64 = 2;
/// `TCXONC` argument: send the START character.
pub const TCION: u64 = 3;

bitflags! {
    /// First byte of a read in packet mode: `TIOCPKT(2const)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Packet: u8 {
        const FLUSHREAD = 1;
        const FLUSHWRITE = 2;
        const STOP = 4;
        const START = 8;
        const NOSTOP = 16;
        const DOSTOP = 32;
        const IOCTL = 64;
    }
}
