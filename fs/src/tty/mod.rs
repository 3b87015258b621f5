//! Terminals: `tty(4)`, `pts(4)`, `termios(3)`.
mod discipline;
mod erase;
mod output;
#[cfg(test)]
mod tests;
