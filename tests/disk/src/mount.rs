//! The tree as a mounted file system.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, Session, TimeOrNow, WriteFlags,
};
use parapet_testkit::Dice;
use parking_lot::{Condvar, Mutex};

use crate::tree::{About, Loss, Number, Refusal, Tree};

/// The kernel asks again each time: what it remembered would outlive a cut.
const NOT_REMEMBERED: Duration = Duration::ZERO;
const BLOCK: u32 = 4096;

#[derive(Default)]
struct Shared {
    tree: Mutex<Tree>,
    /// While it is true, syncs wait.
    stalled: Mutex<bool>,
    goes_on: Condvar,
    syncs: AtomicU64,
    /// The sync at which the power goes; 0: at none.
    off_at: AtomicU64,
    lies: AtomicBool,
}

impl Shared {
    /// One sync of a file or folder, unless the power goes first.
    fn sync(&self, number: Number) -> Result<(), Refusal> {
        let mut stalled = self.stalled.lock();
        while *stalled {
            self.goes_on.wait(&mut stalled);
        }
        drop(stalled);
        let nth = self.syncs.fetch_add(1, Ordering::Relaxed) + 1;
        let mut tree = self.tree.lock();
        if self.off_at.load(Ordering::Relaxed) == nth {
            tree.switch_off();
        }
        if self.lies.load(Ordering::Relaxed) {
            return tree.about(number).map(|_| ());
        }
        tree.sync(number)
    }
}

/// A mounted disk. It is unmounted, and all that it holds is gone, with this value.
pub struct ForgetfulDisk {
    at: PathBuf,
    shared: Arc<Shared>,
    session: Option<BackgroundSession>,
}

impl ForgetfulDisk {
    /// An empty disk at a folder that exists. It needs `/dev/fuse`, and unless it is root's, `fusermount3`.
    ///
    /// # Errors
    /// When it can't be mounted.
    pub fn mount(at: &Path) -> io::Result<Self> {
        let mut disk = Self { at: at.to_owned(), shared: Arc::default(), session: None };
        disk.switch_on()?;
        Ok(disk)
    }

    /// The power goes: from now on nothing that is written or synced reaches the disk, and whoever asks is told so.
    pub fn switch_off(&self) {
        self.shared.tree.lock().switch_off();
    }

    /// The power will go when the `nth` sync from now on is asked for, before it is done.
    pub fn switch_off_at_sync(&self, nth: u64) {
        self.shared.off_at.store(self.syncs() + nth.max(1), Ordering::Relaxed);
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.shared.tree.lock().is_off()
    }

    /// The power comes back: what was not synced is lost. Nobody may have anything of it open any more.
    ///
    /// # Errors
    /// When it can't be unmounted, since somebody has it open, or mounted again.
    pub fn come_back(&mut self, loss: Loss, dice: &mut Dice) -> io::Result<()> {
        self.shared.off_at.store(0, Ordering::Relaxed);
        if let Some(session) = self.session.take() {
            session.umount_and_join()?;
        }
        self.shared.tree.lock().cut(loss, dice);
        self.switch_on()
    }

    /// Makes syncs wait, or lets them go on.
    pub fn stall(&self, stalled: bool) {
        *self.shared.stalled.lock() = stalled;
        self.shared.goes_on.notify_all();
    }

    /// From now on it says of each sync that it is done, and does nothing: as disks do that promise too much.
    pub fn lie(&self) {
        self.shared.lies.store(true, Ordering::Relaxed);
    }

    /// How many syncs were asked for.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Ordering::Relaxed)
    }

    fn switch_on(&mut self) -> io::Result<()> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("forgetful".to_owned()), MountOption::NoAtime];
        config.n_threads = Some(2);
        let session = Session::new(Mounted(Arc::clone(&self.shared)), &self.at, &config)?;
        self.session = Some(session.spawn()?);
        Ok(())
    }
}

impl Drop for ForgetfulDisk {
    fn drop(&mut self) {
        self.stall(false);
        self.switch_off();
        // Dropping the session unmounts it.
        self.session.take();
    }
}

/// What the kernel talks to.
struct Mounted(Arc<Shared>);

fn errno(refusal: Refusal) -> Errno {
    match refusal {
        Refusal::NotFound => Errno::ENOENT,
        Refusal::Exists => Errno::EEXIST,
        Refusal::NotEmpty => Errno::ENOTEMPTY,
        Refusal::NoFolder => Errno::ENOTDIR,
        Refusal::NoFile => Errno::EISDIR,
        Refusal::Off => Errno::EIO,
    }
}

fn kind(folder: bool) -> FileType {
    if folder { FileType::Directory } else { FileType::RegularFile }
}

fn attributes(request: &Request, about: About) -> FileAttr {
    FileAttr {
        ino: INodeNo(about.number),
        size: about.size,
        blocks: about.size.div_ceil(512),
        atime: about.changed,
        mtime: about.changed,
        ctime: about.changed,
        crtime: about.changed,
        kind: kind(about.folder),
        perm: about.mode,
        nlink: about.links,
        uid: request.uid(),
        gid: request.gid(),
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

fn mode(mode: u32, mask: u32) -> u16 {
    (mode & !mask & 0o7777) as u16
}

impl Mounted {
    fn entry(&self, request: &Request, found: Result<Number, Refusal>, reply: ReplyEntry) {
        match found.and_then(|number| self.0.tree.lock().about(number)) {
            Ok(about) => reply.entry(&NOT_REMEMBERED, &attributes(request, about), Generation(0)),
            Err(refusal) => reply.error(errno(refusal)),
        }
    }
}

fn empty(done: Result<(), Refusal>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(refusal) => reply.error(errno(refusal)),
    }
}

impl Filesystem for Mounted {
    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.0.tree.lock().find(parent.0, name);
        self.entry(request, found, reply);
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        match self.0.tree.lock().about(ino.0) {
            Ok(about) => reply.attr(&NOT_REMEMBERED, &attributes(request, about)),
            Err(refusal) => reply.error(errno(refusal)),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        new_mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut tree = self.0.tree.lock();
        let sized = size.map_or(Ok(()), |size| tree.set_length(ino.0, size as usize));
        let done = sized.and_then(|()| new_mode.map_or(Ok(()), |new| tree.set_mode(ino.0, mode(new, 0))));
        match done.and_then(|()| tree.about(ino.0)) {
            Ok(about) => reply.attr(&NOT_REMEMBERED, &attributes(request, about)),
            Err(refusal) => reply.error(errno(refusal)),
        }
    }

    fn mkdir(&self, request: &Request, parent: INodeNo, name: &OsStr, bits: u32, umask: u32, reply: ReplyEntry) {
        let made = self.0.tree.lock().make(parent.0, name, true, mode(bits, umask));
        self.entry(request, made, reply);
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.0.tree.lock().remove(parent.0, name, false), reply);
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(self.0.tree.lock().remove(parent.0, name, true), reply);
    }

    fn rename(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        empty(self.0.tree.lock().rename((parent.0, name), (new_parent.0, new_name)), reply);
    }

    fn link(&self, request: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let linked = self.0.tree.lock().link(ino.0, parent.0, name).map(|()| ino.0);
        self.entry(request, linked, reply);
    }

    fn open(&self, _request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.0.tree.lock().opened(ino.0) {
            Ok(()) => reply.opened(FileHandle(ino.0), FopenFlags::empty()),
            Err(refusal) => reply.error(errno(refusal)),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        bits: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mut tree = self.0.tree.lock();
        let made = tree.make(parent.0, name, false, mode(bits, umask));
        let opened = made.and_then(|number| tree.opened(number).and_then(|()| tree.about(number)));
        match opened {
            Ok(about) => reply.created(
                &NOT_REMEMBERED,
                &attributes(request, about),
                Generation(0),
                FileHandle(about.number),
                FopenFlags::empty(),
            ),
            Err(refusal) => reply.error(errno(refusal)),
        }
    }

    fn read(
        &self,
        _request: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.0.tree.lock().read(ino.0, offset as usize, size as usize) {
            Ok(bytes) => reply.data(bytes),
            Err(refusal) => reply.error(errno(refusal)),
        }
    }

    fn write(
        &self,
        _request: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.0.tree.lock().write(ino.0, offset as usize, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(refusal) => reply.error(errno(refusal)),
        }
    }

    fn flush(&self, _request: &Request, _ino: INodeNo, _fh: FileHandle, _lock_owner: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _request: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.0.tree.lock().closed(ino.0);
        reply.ok();
    }

    /// On a thread of its own: others read and write while a sync takes its time.
    fn fsync(&self, _request: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        if !*self.0.stalled.lock() {
            return empty(self.0.sync(ino.0), reply);
        }
        let shared = Arc::clone(&self.0);
        std::thread::spawn(move || empty(shared.sync(ino.0), reply));
    }

    fn fsyncdir(&self, request: &Request, ino: INodeNo, fh: FileHandle, datasync: bool, reply: ReplyEmpty) {
        self.fsync(request, ino, fh, datasync, reply);
    }

    fn readdir(&self, _request: &Request, ino: INodeNo, _fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.0.tree.lock().list(ino.0);
        let entries = match listed {
            Ok(entries) => entries,
            Err(refusal) => return reply.error(errno(refusal)),
        };
        let dots = [(".".into(), ino.0, true), ("..".into(), ino.0, true)];
        let all = dots.into_iter().chain(entries).enumerate().skip(offset as usize);
        for (at, (name, number, folder)) in all {
            if reply.add(INodeNo(number), at as u64 + 1, kind(folder), name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _request: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        // A gigabyte that is never full.
        let blocks = (1 << 30) / u64::from(BLOCK);
        reply.statfs(blocks, blocks, blocks, blocks, blocks, BLOCK, 255, BLOCK);
    }
}
