//! Command-line arguments, taken one by one.

use std::str::FromStr;

/// The arguments that are not used yet.
pub(crate) struct Args {
    left: Vec<String>,
}

impl Args {
    /// Those of this process.
    pub(crate) fn from_env() -> Self {
        Self { left: std::env::args().skip(1).collect() }
    }

    /// The first one.
    pub(crate) fn next(&mut self) -> Option<String> {
        (!self.left.is_empty()).then(|| self.left.remove(0))
    }

    /// Takes `--name`; true when it was there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let at = self.own().iter().position(|a| a == name);
        at.map(|at| self.left.remove(at)).is_some()
    }

    /// Takes `--name VALUE` or `--name=VALUE`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>, String> {
        let joined = format!("{name}=");
        let Some(at) = self.own().iter().position(|a| a == name || a.starts_with(&joined)) else { return Ok(None) };
        let found = self.left.remove(at);
        if let Some(value) = found.strip_prefix(&joined) {
            return Ok(Some(value.to_owned()));
        }
        if at < self.left.len() { Ok(Some(self.left.remove(at))) } else { Err(format!("{name} needs a value")) }
    }

    /// Takes `--name NUMBER`, else the default.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        match self.value(name)? {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("{name} needs a number, not {text}")),
        }
    }

    /// Takes everything after `--`.
    pub(crate) fn after_dashes(&mut self) -> Vec<String> {
        let Some(at) = self.left.iter().position(|a| a == "--") else { return Vec::new() };
        self.left.split_off(at).split_off(1)
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(&self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some(first) => Err(format!("unknown argument {first}")),
        }
    }

    /// The arguments before `--`.
    fn own(&self) -> &[String] {
        let end = self.left.iter().position(|a| a == "--").unwrap_or(self.left.len());
        &self.left[..end]
    }
}
