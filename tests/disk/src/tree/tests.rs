//! What a cut leaves, and what it takes.
#![allow(clippy::unwrap_used)]

use super::*;

fn dice() -> Dice {
    Dice::new(7)
}

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

/// A tree with a file of this content, of which name and content were synced.
fn with_file(content: &[u8]) -> (Tree, Number) {
    let mut tree = Tree::default();
    let file = tree.make(ROOT, name("a"), false, 0o644).unwrap();
    tree.write(file, 0, content).unwrap();
    tree.sync(file).unwrap();
    tree.sync(ROOT).unwrap();
    (tree, file)
}

fn content(tree: &Tree, path: &str) -> Option<Vec<u8>> {
    let file = tree.find(ROOT, name(path)).ok()?;
    Some(tree.read(file, 0, 1 << 20).unwrap().to_vec())
}

#[test]
fn what_was_synced_stays_and_what_was_not_is_gone() {
    let (mut tree, file) = with_file(b"one");
    tree.write(file, 3, b"two").unwrap();
    assert_eq!(content(&tree, "a").unwrap(), b"onetwo");
    tree.cut(Loss::All, &mut dice());
    assert_eq!(content(&tree, "a").unwrap(), b"one");
}

#[test]
fn a_name_is_its_folders_and_not_its_files() {
    let mut tree = Tree::default();
    let file = tree.make(ROOT, name("new"), false, 0o644).unwrap();
    tree.write(file, 0, b"x").unwrap();
    tree.sync(file).unwrap();
    tree.cut(Loss::All, &mut dice());
    assert_eq!(content(&tree, "new"), None, "nobody synced the folder");
}

#[test]
fn a_rename_is_done_or_not_and_what_it_replaced_comes_back() {
    let (mut tree, _) = with_file(b"old");
    let new = tree.make(ROOT, name("a.part"), false, 0o644).unwrap();
    tree.write(new, 0, b"new").unwrap();
    tree.sync(new).unwrap();
    tree.rename((ROOT, name("a.part")), (ROOT, name("a"))).unwrap();
    assert_eq!(content(&tree, "a").unwrap(), b"new");
    tree.cut(Loss::All, &mut dice());
    assert_eq!((content(&tree, "a").unwrap(), content(&tree, "a.part")), (b"old".to_vec(), None));
    let new = tree.make(ROOT, name("a.part"), false, 0o644).unwrap();
    tree.write(new, 0, b"new").unwrap();
    tree.rename((ROOT, name("a.part")), (ROOT, name("a"))).unwrap();
    tree.sync(ROOT).unwrap();
    tree.cut(Loss::All, &mut dice());
    assert_eq!(content(&tree, "a").unwrap(), b"", "its name was synced, its content was not");
}

#[test]
fn a_tail_is_lost_in_order_and_never_what_was_synced() {
    let mut seen = HashSet::new();
    for seed in 1..200 {
        let (mut tree, file) = with_file(b"0");
        for n in 1..10 {
            tree.write(file, n, &[b'0' + n as u8]).unwrap();
        }
        tree.cut(Loss::Tail, &mut Dice::new(seed));
        let left = content(&tree, "a").unwrap();
        assert!(b"0123456789".starts_with(&left) && !left.is_empty(), "{left:?}");
        seen.insert(left.len());
    }
    assert_eq!(seen.len(), 10, "each length was seen: {seen:?}");
}

#[test]
fn pages_are_lost_in_no_order_and_never_what_was_synced() {
    let (mut holes, mut whole) = (0, 0);
    for seed in 1..100 {
        let (mut tree, file) = with_file(b"synced");
        tree.write(file, 6, &[1; 4096]).unwrap();
        tree.write(file, 6 + 4096, &[2; 4096]).unwrap();
        tree.cut(Loss::Scattered, &mut Dice::new(seed));
        let left = content(&tree, "a").unwrap();
        assert!(left.starts_with(b"synced"));
        holes += usize::from(left.len() > 5000 && left[6] == 0);
        whole += usize::from(left.len() > 5000 && left[6] == 1);
    }
    assert!(holes > 5 && whole > 5, "{holes} {whole}");
}

#[test]
fn nothing_is_done_while_the_power_is_off() {
    let (mut tree, file) = with_file(b"one");
    tree.switch_off();
    assert_eq!(tree.write(file, 0, b"x"), Err(Refusal::Off));
    assert_eq!((tree.sync(file), tree.read(file, 0, 9)), (Err(Refusal::Off), Err(Refusal::Off)));
    tree.cut(Loss::All, &mut dice());
    assert_eq!(content(&tree, "a").unwrap(), b"one");
}

#[test]
fn what_is_open_stays_without_a_name_and_folders_have_to_be_empty() {
    let (mut tree, file) = with_file(b"one");
    tree.opened(file).unwrap();
    tree.remove(ROOT, name("a"), false).unwrap();
    tree.sync(ROOT).unwrap();
    assert_eq!(tree.read(file, 0, 9).unwrap(), b"one");
    tree.closed(file);
    tree.sync(ROOT).unwrap();
    assert_eq!(tree.read(file, 0, 9), Err(Refusal::NotFound));

    let folder = tree.make(ROOT, name("f"), true, 0o755).unwrap();
    tree.make(folder, name("x"), false, 0o644).unwrap();
    assert_eq!(tree.remove(ROOT, name("f"), true), Err(Refusal::NotEmpty));
    assert_eq!(tree.remove(ROOT, name("f"), false), Err(Refusal::NoFile));
    assert_eq!(tree.make(ROOT, name("f"), false, 0), Err(Refusal::Exists));
    assert_eq!(tree.list(ROOT).unwrap(), [(OsString::from("f"), folder, true)]);
}
