//! `after`: what is taken, what is refused, and where the refusal points.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::TestSite;
use parapet_config::{Again, Crop, Follow};

/// A site whose `people` sees `person` and `car`, with these other files; `.onnx` files hold an `x`.
fn site(files: &[(&str, &str)]) -> TestSite {
    let site = TestSite::new(&[
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\n"),
    ]);
    for name in ["people", "helmet", "colour", "plates", "reid"] {
        site.write(&format!("models/{name}.onnx"), "x");
    }
    for (name, text) in files {
        site.write(name, text);
    }
    site
}

fn after(text: &str) -> String {
    site(&[("models/helmet.yaml", &format!("file: models/helmet.onnx\nlabels: [helmet, bare]\n{text}"))]).error()
}

#[test]
fn the_short_form_and_the_long_one() {
    let site = site(&[
        ("models/helmet.yaml", "file: models/helmet.onnx\nafter: people\n"),
        (
            "models/colour.yaml",
            "file: models/colour.onnx\nafter:\n  model: [people, helmet]\n  labels: person\n  min_score: 0.5\n  min_size: 40\n  \
             crop: {shape: square, scale: 2.0, margin: 4}\n  again: {every: 5s, grown: 2, until_score: 0.9}\n",
        ),
        ("models/plates.yaml", "file: models/plates.onnx\nafter: {model: colour, again: never}\n"),
    ]);
    let config = site.load().unwrap().config;
    let follow = |name: &str| config.models[name].after.clone().unwrap();
    let people = || "people".parse().unwrap();
    let short = Follow {
        models: vec![people()],
        labels: vec![],
        min_score: 0.0,
        min_size: 16,
        crop: Crop { square: false, scale: 1.0, margin: 0 },
        again: Some(Again { every: Duration::from_secs(2), grown: 1.5, until_score: None }),
    };
    assert_eq!(follow("helmet"), short);
    let long = Follow {
        models: vec![people(), "helmet".parse().unwrap()],
        labels: vec!["person".to_owned()],
        min_score: 0.5,
        min_size: 40,
        crop: Crop { square: true, scale: 2.0, margin: 4 },
        again: Some(Again { every: Duration::from_secs(5), grown: 2.0, until_score: Some(0.9) }),
    };
    assert_eq!(follow("colour"), long);
    assert_eq!(follow("plates").again, None);
    assert_eq!(config.models["people"].after, None);
}

#[test]
fn a_name_or_a_label_that_is_not_there_is_told_with_what_was_meant() {
    assert_eq!(
        after("after: peple\n"),
        "models/helmet.yaml:3:8: there is no model `peple`; did you mean `people`? Known models: `helmet`, `people`"
    );
    assert_eq!(
        after("after:\n  model: [people, Peple]\n"),
        "models/helmet.yaml:4:19: there is no model `Peple`; did you mean `people`? Known models: `helmet`, `people`"
    );
    assert_eq!(
        after("after: {model: people, labels: [person, persn]}\n"),
        "models/helmet.yaml:3:41: the label `persn` is known to no model that is followed (`people`); did you mean `person`? Known labels: `person`, `car`"
    );
    assert_eq!(
        after("after: {model: people, labels: dog}\n"),
        "models/helmet.yaml:3:32: the label `dog` is known to no model that is followed (`people`); Known labels: `person`, `car`"
    );
}

#[test]
fn nothing_follows_itself_at_no_depth() {
    assert_eq!(
        after("after: helmet\n"),
        "models/helmet.yaml:3:8: this model follows itself: `helmet` follows `helmet`; take one of them out of the circle"
    );
    let site = site(&[
        ("models/colour.yaml", "file: models/colour.onnx\nafter: plates\n"),
        ("models/helmet.yaml", "file: models/helmet.onnx\nafter: {model: [people, colour]}\n"),
        ("models/plates.yaml", "file: models/plates.onnx\nafter: helmet\n"),
    ]);
    assert_eq!(
        site.error(),
        "models/colour.yaml:2:8: this model follows itself: `colour` follows `plates` follows `helmet` follows `colour`; take one of them out of the circle"
    );
}

#[test]
fn what_goes_with_no_follower_is_refused() {
    assert_eq!(
        after("after: people\nmax_fps: 5fps\n"),
        "models/helmet.yaml:4:1: `max_fps` does not go with `after`: this model looks at crops, not at frames; say in `after` how often, with `again: {every: 2s}`"
    );
    assert_eq!(
        site(&[("models/helmet.yaml", "kind: null\nafter: people\n")]).error(),
        "models/helmet.yaml:2:1: a model of kind `null` follows nothing; remove `after`, or remove `kind`"
    );
    let vector = site(&[
        ("models/reid.yaml", "file: models/reid.onnx\nlayout: embedding\nafter: people\n"),
        ("models/helmet.yaml", "file: models/helmet.onnx\nafter: reid\n"),
    ]);
    assert_eq!(
        vector.error(),
        "models/helmet.yaml:2:8: `reid` gives a vector, and nothing that could be followed; follow the model that it follows itself"
    );
    assert_eq!(
        after("after: {model: people, crop: {scale: 0}}\n"),
        "models/helmet.yaml:3:38: expected a number from 0.1 to 20, found `0`"
    );
    assert!(after("after: {model: people, agian: never}\n").contains("did you mean `again`?"));
    assert!(after("after: {labels: person}\n").contains("the key `model` is missing"));
}

#[test]
fn a_camera_lists_what_is_followed_and_a_rule_reads_what_follows() {
    let helmet = ("models/helmet.yaml", "file: models/helmet.onnx\nafter: people\n");
    let alone = site(&[helmet, ("cameras/yard.yaml", "source: test://ball\nmodels: [helmet]\n")]);
    assert_eq!(
        alone.error(),
        "cameras/yard.yaml:2:10: `helmet` follows `people`, and looks at no frame by itself; list `people`: what follows it comes with it"
    );
    let both = site(&[helmet, ("cameras/yard.yaml", "source: test://ball\nmodels: [people, helmet]\n")]);
    assert_eq!(both.load().unwrap().config.cameras["yard"].models, ["people".parse().unwrap()]);

    let rule = |text: &str| site(&[helmet, ("rules/bare.yaml", &format!("cameras: [gate]\nmodel: helmet\n{text}"))]);
    assert_eq!(rule("sql: SELECT camera FROM updates WHERE label = 'bare'\n").load().unwrap().warnings, []);
    assert_eq!(
        rule("when: [{label: person}]\n").error(),
        "rules/bare.yaml:2:8: `helmet` follows other models, and what it says is no frame; write the rule in `sql`: see `updates` in docs/rules.md"
    );
}
