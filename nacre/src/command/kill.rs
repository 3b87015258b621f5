//! `nacre kill`.

use crate::cli::{Global, Kill};
use crate::container::{Status, Store, ask};
use crate::error::{Error, Result, bail};
use sentry::control::{Order, Target};

/// Names of signals by number, from 1 on: signal(7).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// Sends a signal to a container.
pub(crate) fn run(global: &Global, command: &Kill) -> Result<u8> {
    let signal = parse(&command.signal).ok_or_else(|| {
        Error::new(format_args!("\"{}\" is no signal: give a name as in kill(1) or a number, 1 to 64", command.signal))
    })?;
    let entry = Store::new(global).open(&command.id)?;
    let record = entry.read()?;
    if entry.status(&record) == Status::Stopped {
        bail!("cannot kill container \"{}\": it is not running", command.id);
    }
    let target = if command.all { Target::All } else { Target::Init };
    ask(&entry, &record, &Order::Signal { signal, target })?;
    Ok(0)
}

fn parse(signal: &str) -> Option<u8> {
    if let Ok(number) = signal.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let name = signal.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let real_time = |base: i32, offset: &str| {
        let offset: i32 = if offset.is_empty() { 0 } else { offset.parse().ok()? };
        u8::try_from(base + offset).ok().filter(|number| (34..=64).contains(number))
    };
    match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(offset), _) => real_time(34, offset),
        (_, Some(offset)) => real_time(64, offset),
        _ => NAMES.iter().position(|known| *known == name).map(|index| index as u8 + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn signals() {
        for (word, number) in [("9", 9), ("KILL", 9), ("sigterm", 15), ("SIGRTMIN+1", 35), ("RTMAX-2", 62), ("SYS", 31)]
        {
            assert_eq!(parse(word), Some(number), "{word}");
        }
        for bad in ["", "0", "65", "-1", "FOO", "RTMIN-1", "RTMAX+1", "RTMINx"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
