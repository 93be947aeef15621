//! What is kept of models, and what is loaded.
#![allow(clippy::unwrap_used)]

use parapet_config::{Secrets, load};
use parapet_contracts::ports::probe::NoProbe;

use super::*;

/// A site's folder with a model, and what is kept of it.
struct Site {
    folder: tempfile::TempDir,
    kept: KeptModels,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("models")).unwrap();
        fs::write(folder.path().join("site.yaml"), "site: {id: yard}\n").unwrap();
        fs::write(folder.path().join("models/people.yaml"), "file: people.onnx\n").unwrap();
        let kept = KeptModels::new(folder.path().join("kept"));
        Self { folder, kept }
    }

    /// The model as its file is checked, with this file.
    fn model(&self, bytes: &str) -> Model {
        fs::write(self.folder.path().join("people.onnx"), bytes).unwrap();
        let loaded = load(self.folder.path(), &NoProbe, &Secrets::standard()).unwrap();
        Model::clone(&loaded.config.models["people"])
    }

    /// What a slot of the model would load.
    fn loaded(&self, model: &Model) -> String {
        fs::read_to_string(self.kept.placed(model).file.as_ref().unwrap()).unwrap()
    }
}

#[test]
fn a_slot_loads_the_copy_of_the_good_file_while_another_one_lies_there() {
    let site = Site::new();
    let good = site.model("good");
    assert_eq!(site.loaded(&good), "good");
    site.kept.good(&good).unwrap();
    let bad = site.model("bad");
    assert_eq!((site.loaded(&good).as_str(), site.loaded(&bad).as_str()), ("good", "bad"));

    site.kept.refused(&bad, "it is no model").unwrap();
    assert_eq!(site.kept.instead(&bad), Some((good.digest.clone().unwrap(), "it is no model".to_owned())));
    assert_eq!(site.kept.instead(&good), None);
    site.kept.good(&good).unwrap();
    assert!(site.kept.instead(&bad).is_some(), "a slot of the good one that starts anew forgets nothing");

    let better = site.model("better");
    assert_eq!(site.kept.instead(&better), None);
    site.kept.good(&better).unwrap();
    assert_eq!(site.kept.instead(&bad), None, "it may be tried again");
    let copies = fs::read_dir(site.folder.path().join("kept/people")).unwrap().count();
    assert_eq!(copies, 2, "the record and one file");
}

#[test]
fn a_damaged_copy_is_not_used_and_made_anew() {
    let site = Site::new();
    let good = site.model("good");
    site.kept.good(&good).unwrap();
    let copy = site.kept.copy_of(&good.id, good.digest.as_deref().unwrap()).unwrap();
    fs::write(&copy, "damaged").unwrap();
    let bad = site.model("bad");
    site.kept.refused(&bad, "no").unwrap();
    assert_eq!((site.kept.instead(&bad), site.loaded(&good).as_str()), (None, "bad"));
    fs::remove_dir_all(copy.parent().unwrap()).unwrap();
    let good = site.model("good");
    site.kept.good(&good).unwrap();
    site.model("bad");
    assert_eq!(site.loaded(&good), "good");
}

#[test]
fn what_cannot_be_kept_is_told_and_what_is_gone_is_not_kept() {
    let site = Site::new();
    let good = site.model("good");
    fs::write(site.folder.path().join("kept"), "a file where the folder should be").unwrap();
    let told = site.kept.good(&good).unwrap_err();
    assert!(told.contains("no copy of its file can be kept in") && told.contains("kept"), "{told}");
    assert_eq!(site.loaded(&good), "good");
    fs::remove_file(site.folder.path().join("kept")).unwrap();
    site.kept.good(&good).unwrap();
    site.kept.keep_only(&BTreeSet::from([good.id.clone()]));
    assert!(site.folder.path().join("kept/people").is_dir());
    site.kept.keep_only(&BTreeSet::new());
    assert!(!site.folder.path().join("kept/people").exists());
}
