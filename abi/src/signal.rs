//! Signals: `signal(7)`, `sigaction(2)`.
