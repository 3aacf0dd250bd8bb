//! The ready server.
fn main() {}
