//! Errors for people on standard error, and for the caller's log.

use crate::cli::{Global, LogFormat};
use crate::error::Error;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where errors go.
pub(crate) struct Report {
    log: Option<PathBuf>,
    format: LogFormat,
}

impl Report {
    /// As the global options say.
    pub(crate) fn new(global: &Global) -> Self {
        Self { log: global.log.clone(), format: global.log_format }
    }

    /// Tells of an error.
    pub(crate) fn error(&self, error: &Error) {
        let text = error.to_string();
        eprintln!("nacre: {text}");
        self.write("error", &text);
    }

    /// Tells of something that the caller should know.
    pub(crate) fn warn(&self, text: &str) {
        eprintln!("nacre: {text}");
        self.write("warning", text);
    }

    fn write(&self, level: &str, text: &str) {
        let Some(path) = &self.log else { return };
        let line = line(self.format, level, text, &timestamp(SystemTime::now()));
        let file = OpenOptions::new().append(true).create(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            eprintln!("nacre: cannot write the log {}: {error}", path.display());
        }
    }
}

fn line(format: LogFormat, level: &str, text: &str, time: &str) -> String {
    match format {
        LogFormat::Json => format!("{}\n", serde_json::json!({"level": level, "msg": text, "time": time})),
        LogFormat::Text => format!("time=\"{time}\" level={level} msg={text:?}\n"),
    }
}

/// A point in time as RFC 3339 says, UTC.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86400, since.as_secs() % 86400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", since.subsec_nanos())
}

/// Year, month and day of a day since the epoch, in the Gregorian calendar.
const fn date(days: u64) -> (u64, u64, u64) {
    // Years from March on: the leap day is the last. 719468 days lie before the epoch.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + (month <= 2) as u64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps() {
        assert_eq!(timestamp(UNIX_EPOCH), "1970-01-01T00:00:00.000000000Z");
        let time = UNIX_EPOCH + Duration::new(1_709_210_096, 5);
        assert_eq!(timestamp(time), "2024-02-29T12:34:56.000000005Z");
        assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(951_868_799)), "2000-02-29T23:59:59.000000000Z");
    }

    #[test]
    fn lines() {
        assert_eq!(
            line(LogFormat::Json, "error", "a\"b", "T"),
            "{\"level\":\"error\",\"msg\":\"a\\\"b\",\"time\":\"T\"}\n"
        );
        assert_eq!(line(LogFormat::Text, "error", "a\nb", "T"), "time=\"T\" level=error msg=\"a\\nb\"\n");
    }
}
