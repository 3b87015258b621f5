//! Nacre: the command line.
fn main() {}
