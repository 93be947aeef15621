//! Folders and files with two states each: as a process sees them, and as a power cut would leave them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::{OsStr, OsString},
    time::SystemTime,
};

use parapet_testkit::Dice;

use crate::file::Content;

/// The number of a file or folder.
pub type Number = u64;

/// The folder of all.
pub const ROOT: Number = 1;

/// What a power cut takes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of it.
    All,
    /// What came after some moment, as on a file system that keeps order; the write of that moment is torn.
    Tail,
    /// Some pages, in no order, and the names that came after some moment.
    Scattered,
}

/// Why something can't be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is nothing of this name or number.
    NotFound,
    /// There is something of this name.
    Exists,
    /// The folder is not empty.
    NotEmpty,
    /// A folder is expected.
    NoFolder,
    /// A file is expected.
    NoFile,
    /// The power is off.
    Off,
}

/// What is known of a file or folder.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Its number.
    pub number: Number,
    /// Bytes; of a folder, none.
    pub size: u64,
    /// Whether it is a folder.
    pub folder: bool,
    /// Permissions.
    pub mode: u16,
    /// In how many places it is named.
    pub links: u32,
    /// When it was last changed.
    pub changed: SystemTime,
}

#[derive(Debug, Default)]
struct Folder {
    now: BTreeMap<OsString, Number>,
    synced: BTreeMap<OsString, Number>,
    /// What each name became, with its place in time.
    pending: Vec<(u64, OsString, Option<Number>)>,
}

#[derive(Debug)]
enum Body {
    File(Content),
    Folder(Folder),
}

#[derive(Debug)]
struct Node {
    body: Body,
    mode: u16,
    changed: SystemTime,
    open: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Tree {
    nodes: HashMap<Number, Node>,
    next: Number,
    /// Changes are numbered, so that it is known which came first.
    time: u64,
    off: bool,
}

impl Default for Tree {
    fn default() -> Self {
        let root = Node { body: Body::Folder(Folder::default()), mode: 0o755, changed: SystemTime::now(), open: 0 };
        Self { nodes: [(ROOT, root)].into(), next: ROOT + 1, time: 0, off: false }
    }
}

type Done<T> = Result<T, Refusal>;

impl Tree {
    /// From now on nothing is done any more, until [`Tree::cut`].
    pub fn switch_off(&mut self) {
        self.off = true;
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.off
    }

    /// Loses what was not synced, and switches on again.
    pub fn cut(&mut self, loss: Loss, dice: &mut Dice) {
        let mut moments: Vec<u64> = self.nodes.values().flat_map(unsynced).collect();
        moments.sort_unstable();
        moments.dedup();
        let moment = match loss {
            Loss::All => 0,
            _ => moments.get(dice.below(moments.len() + 1)).copied().unwrap_or(u64::MAX),
        };
        let mut numbers: Vec<Number> = self.nodes.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            match self.nodes.get_mut(&number).map(|node| &mut node.body) {
                Some(Body::Folder(folder)) => folder.lose_after(moment),
                Some(Body::File(file)) => match loss {
                    Loss::All => file.lose_all(),
                    Loss::Tail => file.lose_after(moment, dice),
                    Loss::Scattered => file.lose_some(dice),
                },
                None => {}
            }
        }
        for node in self.nodes.values_mut() {
            node.open = 0;
        }
        self.forget_unnamed();
        self.off = false;
    }

    /// The file or folder of a name.
    pub fn find(&self, parent: Number, name: &OsStr) -> Done<Number> {
        self.folder(parent)?.now.get(name).copied().ok_or(Refusal::NotFound)
    }

    /// What is known of it.
    pub fn about(&self, number: Number) -> Done<About> {
        let node = self.node(number)?;
        let (size, folder) = match &node.body {
            Body::File(file) => (file.bytes().len() as u64, false),
            Body::Folder(_) => (0, true),
        };
        let names = self.nodes.values().filter_map(|node| match &node.body {
            Body::Folder(folder) => Some(folder.now.values().filter(|named| **named == number).count()),
            Body::File(_) => None,
        });
        let links = names.sum::<usize>() as u32 + u32::from(folder);
        Ok(About { number, size, folder, mode: node.mode, links, changed: node.changed })
    }

    /// The names in a folder, with what they name.
    pub fn list(&self, number: Number) -> Done<Vec<(OsString, Number, bool)>> {
        let folder = self.folder(number)?;
        let is_folder = |number: &Number| matches!(self.node(*number).map(|node| &node.body), Ok(Body::Folder(_)));
        Ok(folder.now.iter().map(|(name, number)| (name.clone(), *number, is_folder(number))).collect())
    }

    /// Makes an empty file or folder.
    pub fn make(&mut self, parent: Number, name: &OsStr, folder: bool, mode: u16) -> Done<Number> {
        if self.folder(parent)?.now.contains_key(name) {
            return Err(Refusal::Exists);
        }
        let number = self.next;
        self.next += 1;
        let body = if folder { Body::Folder(Folder::default()) } else { Body::File(Content::default()) };
        self.nodes.insert(number, Node { body, mode, changed: SystemTime::now(), open: 0 });
        let at = self.tick();
        self.folder_mut(parent)?.name(at, name, Some(number));
        Ok(number)
    }

    /// Gives a file one more name.
    pub fn link(&mut self, number: Number, parent: Number, name: &OsStr) -> Done<()> {
        if self.folder(parent)?.now.contains_key(name) {
            return Err(Refusal::Exists);
        }
        let at = self.tick();
        self.folder_mut(parent)?.name(at, name, Some(number));
        Ok(())
    }

    /// Takes a name away.
    pub fn remove(&mut self, parent: Number, name: &OsStr, folder: bool) -> Done<()> {
        let number = self.find(parent, name)?;
        match (&self.node(number)?.body, folder) {
            (Body::Folder(inner), true) if !inner.now.is_empty() => return Err(Refusal::NotEmpty),
            (Body::Folder(_), true) | (Body::File(_), false) => {}
            (Body::Folder(_), false) => return Err(Refusal::NoFile),
            (Body::File(_), true) => return Err(Refusal::NoFolder),
        }
        let at = self.tick();
        self.folder_mut(parent)?.name(at, name, None);
        Ok(())
    }

    /// Renames; what had the new name is replaced.
    pub fn rename(&mut self, from: (Number, &OsStr), to: (Number, &OsStr)) -> Done<()> {
        let number = self.find(from.0, from.1)?;
        if let Ok(replaced) = self.find(to.0, to.1)
            && let Body::Folder(inner) = &self.node(replaced)?.body
            && !inner.now.is_empty()
        {
            return Err(Refusal::NotEmpty);
        }
        // One moment: a cut in between does not show.
        let at = self.tick();
        self.folder_mut(to.0)?.name(at, to.1, Some(number));
        self.folder_mut(from.0)?.name(at, from.1, None);
        Ok(())
    }

    /// Reads at most `size` bytes.
    pub fn read(&self, number: Number, offset: usize, size: usize) -> Done<&[u8]> {
        let bytes = self.file(number)?.bytes();
        let start = offset.min(bytes.len());
        Ok(&bytes[start..(start + size).min(bytes.len())])
    }

    /// Writes.
    pub fn write(&mut self, number: Number, offset: usize, bytes: &[u8]) -> Done<()> {
        let at = self.tick();
        self.file_mut(number)?.write(at, offset, bytes);
        Ok(())
    }

    /// Makes a file shorter or longer.
    pub fn set_length(&mut self, number: Number, length: usize) -> Done<()> {
        let at = self.tick();
        self.file_mut(number)?.set_length(at, length);
        Ok(())
    }

    /// Changes the permissions.
    pub fn set_mode(&mut self, number: Number, mode: u16) -> Done<()> {
        self.node_mut(number)?.mode = mode & 0o7777;
        Ok(())
    }

    /// Brings a file's content, or a folder's names, to the disk.
    pub fn sync(&mut self, number: Number) -> Done<()> {
        match &mut self.node_mut(number)?.body {
            Body::File(file) => file.sync(),
            Body::Folder(folder) => folder.sync(),
        }
        self.forget_unnamed();
        Ok(())
    }

    /// Somebody has it open: it stays, also without a name.
    pub fn opened(&mut self, number: Number) -> Done<()> {
        self.node_mut(number)?.open += 1;
        Ok(())
    }

    /// Somebody has closed it.
    pub fn closed(&mut self, number: Number) {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.open = node.open.saturating_sub(1);
        }
    }

    /// Forgets what has no name, neither now nor after a cut, and is not open.
    fn forget_unnamed(&mut self) {
        let mut named: HashSet<Number> = [ROOT].into();
        for node in self.nodes.values() {
            if let Body::Folder(folder) = &node.body {
                named.extend(folder.now.values().chain(folder.synced.values()));
                named.extend(folder.pending.iter().filter_map(|(_, _, number)| *number));
            }
        }
        self.nodes.retain(|number, node| named.contains(number) || node.open > 0);
    }

    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    fn node(&self, number: Number) -> Done<&Node> {
        if self.off {
            return Err(Refusal::Off);
        }
        self.nodes.get(&number).ok_or(Refusal::NotFound)
    }

    fn node_mut(&mut self, number: Number) -> Done<&mut Node> {
        if self.off {
            return Err(Refusal::Off);
        }
        let node = self.nodes.get_mut(&number).ok_or(Refusal::NotFound)?;
        node.changed = SystemTime::now();
        Ok(node)
    }

    fn folder(&self, number: Number) -> Done<&Folder> {
        match &self.node(number)?.body {
            Body::Folder(folder) => Ok(folder),
            Body::File(_) => Err(Refusal::NoFolder),
        }
    }

    fn folder_mut(&mut self, number: Number) -> Done<&mut Folder> {
        match &mut self.node_mut(number)?.body {
            Body::Folder(folder) => Ok(folder),
            Body::File(_) => Err(Refusal::NoFolder),
        }
    }

    fn file(&self, number: Number) -> Done<&Content> {
        match &self.node(number)?.body {
            Body::File(file) => Ok(file),
            Body::Folder(_) => Err(Refusal::NoFile),
        }
    }

    fn file_mut(&mut self, number: Number) -> Done<&mut Content> {
        match &mut self.node_mut(number)?.body {
            Body::File(file) => Ok(file),
            Body::Folder(_) => Err(Refusal::NoFile),
        }
    }
}

impl Folder {
    fn name(&mut self, at: u64, name: &OsStr, number: Option<Number>) {
        set(&mut self.now, name, number);
        self.pending.push((at, name.to_owned(), number));
    }

    fn sync(&mut self) {
        self.pending.clear();
        self.synced = self.now.clone();
    }

    fn lose_after(&mut self, moment: u64) {
        for (at, name, number) in std::mem::take(&mut self.pending) {
            if at < moment {
                set(&mut self.synced, &name, number);
            }
        }
        self.now = self.synced.clone();
    }
}

fn set(names: &mut BTreeMap<OsString, Number>, name: &OsStr, number: Option<Number>) {
    match number {
        Some(number) => names.insert(name.to_owned(), number),
        None => names.remove(name),
    };
}

fn unsynced(node: &Node) -> Vec<u64> {
    match &node.body {
        Body::File(file) => file.unsynced().collect(),
        Body::Folder(folder) => folder.pending.iter().map(|(at, ..)| *at).collect(),
    }
}

#[cfg(test)]
mod tests;
