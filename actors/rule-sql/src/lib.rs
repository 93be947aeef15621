//! The streaming SQL engine: pure, no I/O, no clock of its own.
