//! The rules of `docs/rules`: each can be explained, and the tests beside them pass. They are what users of camera systems ask for first.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path};

use parapet_testkit::command::parapet;

/// The binary under test.
const PARAPET: &str = env!("CARGO_BIN_EXE_parapet");

#[test]
fn each_rule_has_tests_that_pass_and_can_be_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    let names = |end: &str| -> Vec<String> {
        let entries = fs::read_dir(&folder).unwrap().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(end)?.to_owned()))
            .filter(|name| !name.ends_with(".test"))
            .collect();
        names.sort();
        names
    };
    let rules = names(".yaml");
    assert!(rules.len() >= 12, "{rules:?}");
    assert_eq!(rules, names(".test.yaml"), "each rule has its tests");
    let told = parapet(PARAPET, &["rule", "test", folder.to_str().unwrap()]);
    assert!(told.code == Some(0), "{}", told.all());
    for rule in &rules {
        let file = folder.join(format!("{rule}.yaml"));
        let told = parapet(PARAPET, &["rule", "explain", file.to_str().unwrap()]);
        assert!(told.code == Some(0) && told.out.contains("reads "), "{}", told.all());
    }
}
