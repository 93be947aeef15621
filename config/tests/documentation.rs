//! What the documentation shows is true: the reference is what the code says, and every example in it is a valid file.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::PathBuf;

use common::TestSite;
use parapet_config::{FileKind, reference_markdown, schema};

fn docs(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// The YAML blocks of a page whose first line is their path, as files.
fn examples(page: &str) -> Vec<(String, String)> {
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| {
            (
                block.lines().next().unwrap().strip_prefix("# ").expect("an example begins with its path").to_owned(),
                block.to_owned(),
            )
        })
        .collect()
}

#[test]
fn the_reference_is_what_the_code_says() {
    let path = docs("configuration.md");
    if std::env::var_os("PARAPET_WRITE_DOCS").is_some() {
        std::fs::write(&path, reference_markdown()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).expect("docs/configuration.md");
    assert!(
        committed == reference_markdown(),
        "docs/configuration.md is out of date: PARAPET_WRITE_DOCS=1 cargo test -p parapet-config --test documentation"
    );
}

#[test]
fn the_examples_of_the_reference_are_a_valid_site() {
    let page = reference_markdown();
    let files = examples(&page);
    assert_eq!(files.len(), 7);
    let site = TestSite::new(&[
        ("models/people.onnx", "x"),
        ("mqtt", "x"),
        ("tables/badges.csv", "badge,name,valid_until\n4711,Ann,2027-01-01T00:00:00Z\n"),
    ]);
    for (name, text) in &files {
        // The secret's file is elsewhere on a machine that runs tests.
        site.write(name, text.replace("/run/secrets/mqtt", "mqtt").replace("[person, bicycle, car]", "[person, car]"));
    }
    let loaded =
        site.load_with(&[("MQTT_USER", "u"), ("CAMERA_PASSWORD", "p")]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(
        (
            loaded.config.cameras.len(),
            loaded.config.models.len(),
            loaded.config.rules.len(),
            loaded.config.uploaders.len(),
            loaded.config.streams.len(),
            loaded.config.tables.len()
        ),
        (1, 1, 1, 1, 1, 1)
    );
}

#[test]
fn the_examples_of_the_page_on_rules_are_valid() {
    let page = std::fs::read_to_string(docs("rules.md")).unwrap();
    let files = examples(&page);
    let site = TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("models/helmet.yaml", "file: models/people.onnx\nlabels: [helmet, bare]\nafter: people\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\nzones: {dock: [[0, 0], [1, 0], [1, 1]]}\n"),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n"),
    ]);
    let mut rules = 0;
    for (name, text) in &files {
        rules += usize::from(name.starts_with("rules/") && !name.ends_with(".test.yaml"));
        site.write(name, text);
    }
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((loaded.config.rules.len(), loaded.warnings), (rules, Vec::new()));
    assert!(rules >= 4, "{rules}");
}

#[test]
fn the_statements_of_the_page_on_the_language_can_be_planned() {
    use parapet_rule_sql::{
        parse_select,
        plan::{Mode, Plan},
    };
    let page = std::fs::read_to_string(docs("rule-language.md")).unwrap();
    let statements: Vec<&str> = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(statements.len() >= 8, "{}", statements.len());
    let catalog = parapet_config::streams::catalog();
    for sql in &statements {
        let planned = parse_select(sql).and_then(|select| Plan::new(&select, &catalog, Mode::Rule));
        assert!(planned.is_ok(), "{sql}\n{}", planned.err().unwrap());
    }
    // What is said to exist exists.
    let names = parapet_rule_sql::functions::names().collect::<Vec<_>>();
    let called = page.split('`').skip(1).step_by(2).filter_map(|code| code.split_once('(').map(|(name, _)| name));
    let word = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let unknown: Vec<&str> = called.filter(word).filter(|name| !name.is_empty() && !names.contains(name)).collect();
    assert!(unknown.is_empty(), "there is no function {unknown:?}");
}

#[test]
fn the_examples_of_the_page_on_models_are_a_valid_site() {
    let page = std::fs::read_to_string(docs("models.md")).unwrap();
    let files = examples(&page);
    let site = TestSite::new(&[
        ("models/people.yaml", "kind: null\nlabels: [person, car]\n"),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n"),
    ]);
    for name in ["helmet", "person", "plates", "digits", "faces", "reid"] {
        site.write(&format!("models/{name}.onnx"), "x");
    }
    for (name, text) in &files {
        site.write(name, text);
    }
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.models.values().filter(|model| model.after.is_some()).count(), files.len());
    assert!(files.len() >= 4, "{}", files.len());
}

#[test]
fn the_examples_of_the_page_on_cameras_are_a_valid_site() {
    let page = std::fs::read_to_string(docs("cameras.md")).unwrap();
    let files = examples(&page);
    let site = TestSite::new(&[("models/people.yaml", "kind: null\nlabels: [person, car]\n")]);
    for (name, text) in &files {
        site.write(name, text);
    }
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    let config = &loaded.config;
    assert_eq!((config.cameras.len(), config.rules.len(), files.len()), (4, 1, 5));
    let [dock, gate, lobby, yard] = &config.cameras.values().collect::<Vec<_>>()[..] else { panic!() };
    assert!(gate.motion.is_some() && gate.idle_keyframes && !gate.regions.is_empty());
    assert!(lobby.record.is_some_and(|record| record.mode == parapet_config::RecordMode::Motion));
    assert!(yard.substream.is_some() && yard.picture_faults.len() == 5);
    assert_eq!(dock.zones["ramp"].0[0], [0.1, 0.5], "pixels become fractions");
}

#[test]
fn the_examples_of_the_page_on_uploaders_are_a_valid_site() {
    let page = std::fs::read_to_string(docs("uploaders.md")).unwrap();
    let files = examples(&page);
    let site = TestSite::new(&[]);
    for (name, text) in &files {
        site.write(name, text);
    }
    let variables = page.split("${env:").skip(1).map(|rest| rest.split('}').next().unwrap());
    let values: Vec<(&'static str, &'static str)> =
        variables.map(|name| (&*name.to_owned().leak(), "c2VjcmV0")).collect();
    let loaded = site.load_with(&values).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((loaded.config.uploaders.len(), loaded.warnings), (files.len(), Vec::new()));
    // Each kind of sink has its example.
    let mut kinds: Vec<&str> = loaded.config.uploaders.values().map(|uploader| uploader.sink.kind()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let known = schema(FileKind::Uploader)["properties"]["sink"]["properties"].as_object().unwrap();
    assert_eq!(kinds, known.keys().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn the_examples_of_the_guide_are_a_valid_site() {
    let page = std::fs::read_to_string(docs("guide-your-own-camera.md")).unwrap();
    let files = examples(&page);
    assert_eq!(files.len(), 5);
    let site = TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/yolox_nano.onnx", "x"),
        ("coco.txt", "person\ncar\n"),
        ("gate-password", "x"),
        ("media/clip.mp4", "x"),
    ]);
    for (name, text) in &files {
        site.write(name, text);
    }
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!((loaded.config.cameras.len(), loaded.config.models.len(), loaded.config.rules.len()), (2, 2, 1));
}

#[test]
fn the_overload_policy_that_the_page_on_operation_shows_is_valid() {
    let page = std::fs::read_to_string(docs("operations.md")).unwrap();
    let (name, text) = examples(&page).into_iter().find(|(name, _)| name == "models/people.yaml").unwrap();
    let site =
        TestSite::new(&[("models/people.onnx", "x"), ("models/people-small.yaml", "kind: null\n"), (&name, &text)]);
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config.models["people"].overload.as_ref().map(|policy| policy.steps.len()), Some(3));
}

#[test]
fn the_site_files_that_the_page_on_operation_shows_are_valid() {
    let page = std::fs::read_to_string(docs("operations.md")).unwrap();
    let sites: Vec<String> =
        examples(&page).into_iter().filter(|(name, _)| name == "site.yaml").map(|(_, text)| text).collect();
    assert!(sites.len() > 1, "{sites:?}");
    let variables = page.split("${env:").skip(1).map(|rest| rest.split('}').next().unwrap());
    let values: Vec<(&'static str, &'static str)> = variables
        .map(|name| {
            (
                &*name.to_owned().leak(),
                if name.ends_with("_HASH") { "$7$101$YWJjZGVmZ2hpamts$YWJj" } else { "c2VjcmV0c2VjcmV0c2VjcmV0" },
            )
        })
        .collect();
    for text in sites {
        let loaded =
            TestSite::new(&[("site.yaml", &text), ("tls/broker.pem", "x"), ("tls/broker.key", "x")]).load_with(&values);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{text}{problems}"));
        assert_eq!(loaded.warnings, [], "{text}");
    }
}

#[test]
fn the_examples_for_operation_are_a_valid_site() {
    let site = TestSite::new(&[("models/scout.onnx", "x"), ("run-secrets/mqtt-password", "x")]);
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/example");
    for name in ["site.yaml", "cameras/yard.yaml", "models/scout.yaml", "rules/person-at-dock.yaml"] {
        let text = std::fs::read_to_string(example.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Where the container has its secrets and models, a machine that runs tests has none.
        site.write(
            name,
            text.replace("/run/secrets", "run-secrets").replace("/models/scout.onnx", "models/scout.onnx"),
        );
    }
    let loaded = site.load().unwrap_or_else(|problems| panic!("{problems}"));
    // Both are so on purpose: the networks of the compose file are the site's own.
    let warnings: Vec<&str> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    let on_purpose =
        ["user and password travel unencrypted to the broker", "HTTP listens on an address that other machines reach"];
    assert_eq!(warnings, on_purpose);
    assert!(!loaded.config.site.http.ip().is_loopback(), "in a container, 127.0.0.1 is the container alone");
    for path in [&loaded.config.site.store.path, &loaded.config.site.evidence.path] {
        assert!(path.starts_with("/data"), "{} is not in the volume", path.display());
    }
}

/// The texts between backticks in the first column of a page's tables.
fn first_column(page: &str) -> Vec<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// All the project's Rust files, without line continuations.
fn sources(folder: &std::path::Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != "tests" {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_messages_that_troubleshooting_explains_are_those_that_the_program_says() {
    let page = std::fs::read_to_string(docs("troubleshooting.md")).unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut code = String::new();
    for part in ["actors", "config", "runtime", "supervision"] {
        sources(&root.join(part), &mut code);
    }
    let messages = first_column(&page);
    assert!(messages.len() > 30, "{} messages", messages.len());
    let parts = messages.iter().flat_map(|message| message.split('…')).map(str::trim);
    let unknown: Vec<&str> =
        parts.filter(|part| !part.is_empty() && *part != "file:line:column:" && !code.contains(part)).collect();
    assert!(unknown.is_empty(), "nothing in the program says {unknown:#?}");
}
