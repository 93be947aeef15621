//! The `parapet` command.
fn main() {}
