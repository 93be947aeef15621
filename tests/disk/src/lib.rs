//! A disk whose power can be cut: a file system in memory, mounted over FUSE, that keeps what was synced apart from what was only
//! written. After a cut, what no `fsync` has covered is gone, in part or as a whole; `fsync` of a file does not cover its name, which
//! is its folder's. So it forgets at least all that a real file system may forget.
//!
//! ```text
//! write, rename, unlink … ──▶ what a process sees ──fsync──▶ what a cut leaves
//! ```
//!
//! Besides, the disk can stall: a sync that is asked for waits until it goes on.
//!
//! [`Tree`] is the file system itself, without FUSE and pure but for the time of day; [`ForgetfulDisk`] mounts it.

mod file;
mod mount;
mod tree;

pub use mount::ForgetfulDisk;
pub use tree::{Loss, Refusal, Tree};
