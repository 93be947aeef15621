//! Each mistake is told as a user would read it: where, what, what is expected.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::TestSite;

/// A site with a camera file; the only error of it.
fn camera(text: &str) -> String {
    TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("cameras/gate.yaml", text),
    ])
    .errors()
    .join("\n")
}

fn site(text: &str) -> String {
    let site = TestSite::new(&[]);
    site.write("site.yaml", text);
    site.errors().join("\n")
}

fn model(text: &str) -> String {
    TestSite::new(&[("models/people.onnx", "x"), ("models/bad.onnx", "broken"), ("models/people.yaml", text)])
        .errors()
        .join("\n")
}

/// A site with two cameras, one of them with a zone, and a rule file; the only error of it.
fn rule(text: &str) -> String {
    TestSite::new(&[
        ("models/people.onnx", "x"),
        ("models/people.yaml", "file: models/people.onnx\n"),
        ("models/none.yaml", "kind: null\n"),
        ("cameras/gate.yaml", "source: test://ball\nmodels: [people]\nzones: {dock: [[0, 0], [1, 0], [1, 1]]}\n"),
        ("cameras/yard.yaml", "source: test://ball\nmodels: [people]\n"),
        ("rules/r.yaml", text),
    ])
    .errors()
    .join("\n")
}

const RTSP: &str = "source: rtsp://cam/1\n";
const RULE: &str = "cameras: [gate]\nwhen: [{label: person}]\n";

#[test]
fn mistakes_in_a_camera_file() {
    for (told, expected) in [
        (
            camera(&format!("{RTSP}fsp: 5fps\n")),
            "cameras/gate.yaml:2:1: unknown key `fsp`; did you mean `fps`? Known keys: `enabled`, `fps`, `idle`, `latency`, `lines`, `link`, `models`, `motion`, `name`, `pace`, `password`, `picture_faults`, `pixels`, `place`, `priority`, `record`, `regions`, `repeat`, `seen_within`, `sim`, `source`, `stall_after`, `substream`, `tags`, `transport`, `username`, `zones`",
        ),
        (
            camera(&format!("{RTSP}stall_after: 5 bananas\n")),
            "cameras/gate.yaml:2:14: expected a duration such as `5s` or `500ms`, found `5 bananas`; the units are ms, s, m, h and d",
        ),
        (
            camera(&format!("{RTSP}stall_after: 5\n")),
            "cameras/gate.yaml:2:14: expected a duration such as `5s` or `500ms` (`500ms` to `1h`), found `5`; give the unit: `5s`",
        ),
        (
            camera(&format!("{RTSP}stall_after: 1ms\n")),
            "cameras/gate.yaml:2:14: expected a duration such as `5s` or `500ms` (`500ms` to `1h`), found `1ms`",
        ),
        (
            camera(&format!("{RTSP}fps: 5\n")),
            "cameras/gate.yaml:2:6: expected a rate such as `5fps`, above 0, found `5`; give the unit: `5fps`",
        ),
        (
            camera(&format!("{RTSP}fps:\n")),
            "cameras/gate.yaml:2:1: expected a rate such as `5fps`, above 0, found nothing; give it a value, or remove the key",
        ),
        (
            camera("name: x\n"),
            "cameras/gate.yaml:1:1: the key `source` is missing; expected a text, for example `source: rtsp://192.168.1.20/stream1`",
        ),
        (
            camera(&format!("{RTSP}link: 5g\n")),
            "cameras/gate.yaml:2:7: expected one of `5G`, `4G`, `LTE`, `Wi-Fi`, `wired`, found `5g`; did you mean `5G`?",
        ),
        (
            camera(&format!("{RTSP}models: people\n")),
            "cameras/gate.yaml:2:9: expected a list (`[…]`), each item a text, found `people`; write a list: `[people]`",
        ),
        (
            camera(&format!("{RTSP}models: [peple]\n")),
            "cameras/gate.yaml:2:10: there is no model `peple`; did you mean `people`? Known models: `people`",
        ),
        (
            camera(&format!("{RTSP}models: [people, people]\n")),
            "cameras/gate.yaml:2:18: `people` stands twice in this list; keep one of them",
        ),
        (
            camera(&format!("{RTSP}enabled: yes\n")),
            "cameras/gate.yaml:2:10: expected `true` or `false`, found `yes`; write `true`",
        ),
        (
            camera(&format!("{RTSP}name: 5\n")),
            "cameras/gate.yaml:2:7: expected a text, found `5`; put it in quotes: `\"5\"`",
        ),
        (
            camera(&format!("{RTSP}username: u\npassword: 12345\n")),
            "cameras/gate.yaml:3:11: expected a text, or better `${env:NAME}` or `${file:/path}`, found something else (not shown, as it is secret); put it in quotes",
        ),
        (
            camera(&format!("{RTSP}username: u\n")),
            "cameras/gate.yaml:2:1: `username` needs `password`; give both `username` and `password`, or neither",
        ),
        (
            camera(&format!("{RTSP}place: {{latitude: 91, longitude: 1}}\n")),
            "cameras/gate.yaml:2:19: expected a number from -90 to 90, found `91`",
        ),
        (
            camera(&format!("{RTSP}zones:\n  dock: [[0, 0], [1, 0]]\n")),
            "cameras/gate.yaml:3:9: expected 3 to 1000 corners, found 2",
        ),
        (
            camera(&format!("{RTSP}zones:\n  dock: [[0, 0], [1, 0], [1, 1.5]]\n")),
            "cameras/gate.yaml:3:30: this point lies outside of the picture: `1.5`; the picture's height is 1: points are fractions of it, unless the file says what they are pixels of, for example `pixels: [1280, 720]`",
        ),
        (
            camera(&format!("{RTSP}pixels: [1280, 720]\nzones:\n  dock: [[0, 0], [1300, 0], [640, 700]]\n")),
            "cameras/gate.yaml:4:19: this point lies outside of the picture: `1300`; the picture's width is 1280 pixels, as `pixels` says",
        ),
        (
            camera(&format!("{RTSP}pixels: [1280, 720]\nlines: {{gate: [[640, 0], [640, 721]]}}\n")),
            "cameras/gate.yaml:3:32: this point lies outside of the picture: `721`; the picture's height is 720 pixels, as `pixels` says",
        ),
        (
            camera(&format!("{RTSP}regions: [[[0.1, 0.1], [0.9, 0.1]]]\n")),
            "cameras/gate.yaml:2:11: this polygon has no area; its corners must not lie on one line",
        ),
        (
            camera(&format!("{RTSP}motion: {{masks: [[[0, 0], [2, 1]]]}}\n")),
            "cameras/gate.yaml:2:28: this point lies outside of the picture: `2`; the picture's width is 1: points are fractions of it, unless the file says what they are pixels of, for example `pixels: [1280, 720]`",
        ),
        (
            camera(&format!("{RTSP}zones: {{dock: [[-0.1, 0], [1, 0], [1, 1]]}}\n")),
            "cameras/gate.yaml:2:17: expected a number of at least 0, found `-0.1`",
        ),
        (
            camera(&format!("{RTSP}record: {{mode: motion}}\n")),
            "cameras/gate.yaml:2:16: `mode: motion` needs `motion`; add `motion: {}`, which notices that something moves",
        ),
        (
            camera(&format!("{RTSP}idle: keyframes\n")),
            "cameras/gate.yaml:2:1: `idle: keyframes` needs `motion`; add `motion: {}`, which notices that a camera is not idle any more",
        ),
        (
            camera(&format!("{RTSP}substream: rtsp://cam/1\n")),
            "cameras/gate.yaml:2:12: `substream` and `source` are the same; give the address of the smaller stream, or remove `substream`",
        ),
        (
            camera(&format!("{RTSP}substream: rtsp://admin:hunter2@cam/2\n")),
            "cameras/gate.yaml:2:12: the address holds a user or password, and addresses are shown; move them to `username:` and `password:`, for example `password: ${env:CAMERA_PASSWORD}`",
        ),
        (
            camera(&format!("{RTSP}picture_faults: [coverd]\n")),
            "cameras/gate.yaml:2:18: expected one of `covered`, `moved`, `frozen`, `dark`, `defocused`, found `coverd`; did you mean `covered`?",
        ),
        (
            camera(&format!("{RTSP}zones:\n  dock: [[0, 0], [1, 1], [1, 0], [0, 1]]\n")),
            "cameras/gate.yaml:3:9: this polygon has no area; its corners must not lie on one line",
        ),
        (
            camera(&format!("{RTSP}lines:\n  gate: [[0.5, 0.5], [0.5, 0.5]]\n")),
            "cameras/gate.yaml:3:9: this line has no length; its two points must differ",
        ),
        (
            camera(&format!("{RTSP}lines:\n  the gate: [[0, 0], [1, 1]]\n")),
            "cameras/gate.yaml:3:3: `the gate` is no name for a line; use 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit, for example `the-gate`",
        ),
        (
            camera(&format!("{RTSP}zones:\n  Loading Dock: [[0, 0], [1, 1], [1, 0]]\n")),
            "cameras/gate.yaml:3:3: `Loading Dock` is no name for a zone; use 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit, for example `loading-dock`",
        ),
        (
            camera("source: rtsp://admin:hunter2@cam/1\n"),
            "cameras/gate.yaml:1:9: the address holds a user or password, and addresses are shown; move them to `username:` and `password:`, for example `password: ${env:CAMERA_PASSWORD}`",
        ),
        (
            camera("source: rtps://cam/1\n"),
            "cameras/gate.yaml:1:9: a source of this kind is not known; did you mean `rtsp`? Known kinds of address: `rtsp`, `rtsps`, `http`, `https`, `test`",
        ),
        (
            camera("source: rtsp://\n"),
            "cameras/gate.yaml:1:9: this address names no host; expected one such as `rtsp://192.168.1.20/stream1`",
        ),
        (
            camera("source: /etc/passwd\n"),
            "cameras/gate.yaml:1:9: this path lies outside the folders that sources may come from (symbolic links followed); they are `media`; move it there, or add `/etc` to `media` in site.yaml",
        ),
        (
            camera("source: media/../../x.mp4\n"),
            "cameras/gate.yaml:1:9: this path lies outside the folders that sources may come from (symbolic links followed); they are `media`; move it there, or add `media/../..` to `media` in site.yaml",
        ),
        (
            camera("source: test://bal\n"),
            "cameras/gate.yaml:1:9: a test picture of this name is not known; did you mean `ball`? Known pictures: `smpte`, `snow`, `black`, `white`, `red`, `green`, `blue`, `checkers-1`, `checkers-2`, `checkers-4`, `checkers-8`, `circular`, `blink`, `smpte75`, `zone-plate`, `gamut`, `chroma-zone-plate`, `solid-color`, `ball`, `smpte100`, `bar`, `pinwheel`, `spokes`, `gradient`, `colors`, `smpte-rp-219`",
        ),
        (
            camera("source: test://ball?size=7x7\n"),
            "cameras/gate.yaml:1:9: the `size` of this test picture is none; expected even numbers from 16 to 8192, for example `test://ball?size=640x360&fps=10`",
        ),
        (
            camera(&format!("{RTSP}name: a\nname: b\n")),
            "cameras/gate.yaml:3:1: the key `name` stands twice; it already stands in line 2; keep one of them",
        ),
        (camera("source: test://ball\n\tname: x\n"), "cameras/gate.yaml:2:1: a tab can't indent YAML; use spaces"),
        (
            camera("source: test://ball\nzones:\n\tdock: x\n"),
            "cameras/gate.yaml:3:1: a tab can't indent YAML; use spaces",
        ),
        (
            camera("source: [test\n"),
            "cameras/gate.yaml:2:1: the file ends too early: while parsing a flow sequence, expected ',' or ']'; was it written only in part?",
        ),
        (
            camera("source: \"test\n"),
            "cameras/gate.yaml:1:9: the file ends too early: while scanning a quoted scalar, found unexpected end of stream; was it written only in part?",
        ),
        (
            camera("source: test://ball\n---\nname: x\n"),
            "cameras/gate.yaml:2:1: a second document begins here; one file holds one document: remove what follows `---`",
        ),
        (
            camera("source: !!int 5\n"),
            "cameras/gate.yaml:1:9: tags (`!…`) are not supported; put a text that begins with `!` in quotes",
        ),
        (camera("- a\n- b\n"), "cameras/gate.yaml:1:1: expected a mapping (indented `key: value` lines), found a list"),
        (
            camera("source: test://ball\nname: *nobody\n"),
            "cameras/gate.yaml:2:7: this alias names no anchor before it; put a text that begins with `*` in quotes",
        ),
        (
            camera("source: test://ball\nname: ${env:NOPE}\n"),
            "cameras/gate.yaml:2:7: `${env:NOPE}` has no value: this environment variable is not set; set it for the process that runs the site",
        ),
        (
            camera("source: test://ball\nname: ${file:nope}\n"),
            "cameras/gate.yaml:2:7: `${file:nope}` has no value: this file can't be read: No such file or directory (os error 2); set it for the process that runs the site",
        ),
        (
            camera("source: test://ball\nname: ${vault:nope}\n"),
            "cameras/gate.yaml:2:7: a `${…}` names an unknown kind of secret; Known kinds: `env`, `file`",
        ),
        (
            camera("source: test://ball\nname: a${b\n"),
            "cameras/gate.yaml:2:7: a `${` has no `}`; write `${env:NAME}`, `${file:/path}`, `${kubernetes:NAME/KEY}`, `${keyvault:NAME}`, or `$${` for a literal `${`",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn mistakes_in_the_site_file() {
    for (told, expected) in [
        (
            site("site: {}\n"),
            "site.yaml:1:7: the key `id` is missing; expected an id: 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit, for example `id: harbour-north`",
        ),
        (
            site("site: {id: My Yard}\n"),
            "site.yaml:1:12: expected an id: 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit, found `My Yard`; for example `my-yard`",
        ),
        (site("site: yard\n"), "site.yaml:1:7: expected a mapping (indented `key: value` lines), found `yard`"),
        (
            site("site: {id: yard}\ntime_zone: Europe/Berln\n"),
            "site.yaml:2:12: expected an IANA time zone such as `Europe/Berlin` or `UTC`, found `Europe/Berln`; did you mean `Europe/Berlin`?",
        ),
        (
            site("site: {id: yard}\nhttp: {listen: 8080}\n"),
            "site.yaml:2:16: expected an IP address and a port such as `127.0.0.1:8080`, found `8080`; write `127.0.0.1:8080`",
        ),
        (
            site("site: {id: yard}\nhttp: {listen: localhost:8080}\n"),
            "site.yaml:2:16: expected an IP address and a port such as `127.0.0.1:8080`, found `localhost:8080`; write `127.0.0.1:8080`",
        ),
        (
            site("site: {id: yard}\nhttp: {listen: 127.0.0.1:1883}\n"),
            "site.yaml:2:16: the bus and HTTP both listen on port 1883; give each a port of its own",
        ),
        (
            site("site: {id: yard}\nbus: {broker: \"mqtt://u:p@h\"}\n"),
            "site.yaml:2:15: the address holds a user or password; move them to `username:` and `password:`, for example `password: ${env:MQTT_PASSWORD}`",
        ),
        (
            site("site: {id: yard}\nbus: {broker: h}\n"),
            "site.yaml:2:15: this is no address of a broker; expected `mqtt://HOST[:1883]` or `mqtts://HOST[:8883]`",
        ),
        (
            site("site: {id: yard}\nbus: {broker: mqtt://h, embedded: {}}\n"),
            "site.yaml:2:25: the bus has both `embedded` and `broker`; keep one of them",
        ),
        (
            site("site: {id: yard}\nbus: {username: u, password: p}\n").replace('\n', " | "),
            "site.yaml:2:7: `username` belongs to a broker elsewhere, and there is no `broker`; give `broker: mqtt://HOST`, or remove it | site.yaml:2:20: `password` belongs to a broker elsewhere, and there is no `broker`; give `broker: mqtt://HOST`, or remove it",
        ),
        (
            site("site: {id: yard}\nevidence: {path: data/store}\n"),
            "site.yaml:2:18: evidence and store share a folder; give each a folder of its own, neither inside the store's",
        ),
        (
            site("site: {id: yard}\nevidence: {quality: 101}\n"),
            "site.yaml:2:21: expected a whole number from 1 to 100, found `101`",
        ),
        (
            site("site: {id: yard}\nstore: {retention: {events_size: 20MB}}\nshutdown: 1h\n"),
            "site.yaml:3:11: expected a duration such as `5s` or `500ms` (`100ms` to `10m`), found `1h`",
        ),
        (
            site("site: {id: yard}\ntelemetry: {level: inof}\n"),
            "site.yaml:2:20: expected `error`, `warn`, `info`, `debug` or `trace`, also by part such as `info,parapet=debug`, found `inof`",
        ),
        (
            site("site: {id: yard}\ntelemetry: {format: jsno}\n"),
            "site.yaml:2:21: expected one of `text`, `json`, found `jsno`; did you mean `json`?",
        ),
        (
            site("site: {id: yard}\nonnxruntime: nowhere.so\n"),
            "site.yaml:2:14: there is no file `nowhere.so`; a relative path begins at the site's folder",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn mistakes_in_a_model_file() {
    for (told, expected) in [
        (
            model("file: models/peple.onnx\n"),
            "models/people.yaml:1:7: the model file `models/peple.onnx` can't be read: it does not exist; a relative path begins at the site's folder",
        ),
        (
            model("file: models/bad.onnx\n"),
            "models/people.yaml:1:7: `models/bad.onnx` can't be used: it is no ONNX model; give an .onnx file of a detector",
        ),
        (
            model("layout: yolox\n"),
            "models/people.yaml:1:1: the key `file` is missing; expected the path of an .onnx file, for example `file: models/people.onnx`, or `kind: null`",
        ),
        (
            model("kind: null\nfile: models/people.onnx\n"),
            "models/people.yaml:2:1: a model of kind `null` has no file; remove `file`, or remove `kind`",
        ),
        (
            model("file: models/people.onnx\nlayout: yolo8\n"),
            "models/people.yaml:2:9: expected one of `yolox`, `yolov5`, `yolov8`, `yolov8_rows`, `end2end`, `n7`, `tfod`, `efficient_nms`, `mmdet`, `torchvision`, `paddle`, `nanodet`, `nanodet_plus`, `picodet`, `fastestdet`, `rtdetr`, `detr`, `detr_sigmoid`, `boxes_scores`, `best_class`, `nms_indices`, `detection_output`, `rtdetr_rows`, `yolox_heads`, `yolov5_heads`, `yolov7_heads`, `yolov8_heads`, `yolov3_heads`, `yolov3_tiny_heads`, `yolov2` and 8 more, found `yolo8`; did you mean `yolov8`?",
        ),
        (
            model("file: models/people.onnx\nslots: 0\n"),
            "models/people.yaml:2:8: expected a whole number from 1 to 256, found `0`",
        ),
        (
            model("file: models/people.onnx\nslots: [{device: gpu}]\n"),
            "models/people.yaml:2:18: expected `cpu`, `cuda`, `cuda:1`, `tensorrt`, `openvino` or `openvino:gpu`, found `gpu`; write `cuda:0`",
        ),
        (
            model("file: models/people.onnx\ninput: {size: [640]}\n"),
            "models/people.yaml:2:15: expected exactly 2 items, found 1",
        ),
        (
            model("file: models/people.onnx\nlabels: [a, b, c]\n"),
            "models/people.yaml:2:9: 3 labels are given, and the model has 2 classes; give a label for each class, in their order, or remove `labels` to use those in the .onnx file",
        ),
        (
            model("file: models/people.onnx\nlabels: nowhere.txt\n"),
            "models/people.yaml:2:9: the labels file `nowhere.txt` can't be read: it does not exist; expected a text file with one label a line, or a list: `labels: [person, car]`",
        ),
        (
            model("file: models/people.onnx\nmin_score: {persn: 0.5}\n"),
            "models/people.yaml:2:13: the model has no label `persn`; did you mean `person`? It has: `person`, `car`",
        ),
        (
            model("file: models/people.onnx\nmin_score: high\n"),
            "models/people.yaml:2:12: expected a number from 0 to 1 or a mapping (indented `key: value` lines), found `high`",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn mistakes_in_a_rule_file() {
    for (told, expected) in [
        (
            rule("when: [{label: person}]\n"),
            "rules/r.yaml:1:1: the key `cameras` is missing; expected `all` or a list (`[…]`), each item a text, for example `cameras: [\"gate-north\"]`",
        ),
        (
            rule("cameras: [gat]\nwhen: [{label: person}]\n"),
            "rules/r.yaml:1:11: there is no camera `gat`; did you mean `gate`? Known cameras: `gate`, `yard`",
        ),
        (
            rule("cameras: gate\nwhen: [{label: person}]\n"),
            "rules/r.yaml:1:10: expected `all` or a list (`[…]`), each item a text, found `gate`; write a list: `[gate]`",
        ),
        (rule("cameras: [gate]\nwhen: []\n"), "rules/r.yaml:2:7: expected 1 to 100 items, found 0"),
        (
            rule("cameras: [gate]\nwhen: [{label: persn}]\n"),
            "rules/r.yaml:2:16: the label `persn` is known to no model of these cameras (`people`); did you mean `person`? Known labels: `person`, `car`",
        ),
        (
            rule("cameras: [gate]\nwhen: [{label: [person, dog]}]\n"),
            "rules/r.yaml:2:25: the label `dog` is known to no model of these cameras (`people`); Known labels: `person`, `car`",
        ),
        (
            rule("cameras: [gate]\nwhen: [{min_score: 0.5}]\n"),
            "rules/r.yaml:2:8: the key `label` is missing; expected a text or a list (`[…]`), each item a text, for example `label: person`",
        ),
        (
            rule("cameras: [gate]\nwhen: {label: person}\n"),
            "rules/r.yaml:2:7: expected a list of mappings (`- key: value`), found a mapping",
        ),
        (
            rule(&format!("{RULE}zone: dok\n")),
            "rules/r.yaml:3:7: there is no zone `dok` in `gate`; did you mean `dock`? Known zones: `dock`",
        ),
        (
            rule("cameras: all\nwhen: [{label: person}]\nzone: dock\n"),
            "rules/r.yaml:3:7: there is no zone `dock` in `yard`; other cameras of this rule have it: add it to `zones` there, or give these a rule of their own",
        ),
        (
            rule(&format!("{RULE}model: peple\n")),
            "rules/r.yaml:3:8: there is no model `peple`; did you mean `people`? Known models: `none`, `people`",
        ),
        (
            rule(&format!("{RULE}model: none\n")),
            "rules/r.yaml:3:8: no camera of this rule lists the model `none`; add it to `models` of `gate`",
        ),
        (
            rule(&format!("{RULE}severity: fatal\n")),
            "rules/r.yaml:3:11: expected one of `info`, `warning`, `critical`, found `fatal`",
        ),
        (
            rule(&format!("{RULE}schedule: [{{from: 25:00}}]\n")),
            "rules/r.yaml:3:19: expected a time of day such as `06:30` (00:00 to 24:00), found `25:00`",
        ),
        (
            rule(&format!("{RULE}schedule: [{{days: [monday]}}]\n")),
            "rules/r.yaml:3:20: expected one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, `weekdays`, `weekend`, `daily`, found `monday`; did you mean `mon`?",
        ),
        (
            rule(&format!("{RULE}message: \"{{person}} at {{camera}}\"\n")),
            "rules/r.yaml:3:10: `{person}` stands for nothing in a message; Known words: `camera`, `label`, `count`, `score`, `zone`, `rule`",
        ),
    ] {
        assert_eq!(told, expected);
    }
}

#[test]
fn mistakes_in_names_and_uploaders() {
    for (told, expected) in [
        (
            TestSite::new(&[("cameras/a.yaml", "source: test://ball"), ("cameras/a.yml", "source: test://ball")])
                .errors()
                .join("\n"),
            "cameras/a.yml:1:1: `cameras/a.yml` and `cameras/a.yaml` declare the same camera; the file's name is the id: rename or remove one of them",
        ),
        (
            TestSite::new(&[("cameras/Gate North.yaml", "source: test://ball")]).errors().join("\n"),
            "cameras/Gate North.yaml:1:1: the file's name is the camera's id, and `Gate North` is none; rename the file, for example `gate-north.yaml`: 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit",
        ),
        (
            TestSite::new(&[("uploaders/u.yaml", "what: [alert]\nsink: {file: {path: x}}\n")]).errors().join("\n"),
            "uploaders/u.yaml:1:8: expected one of `alerts`, `events`, `journal`, `evidence`, `named`, found `alert`; did you mean `alerts`?",
        ),
        (
            TestSite::new(&[("uploaders/u.yaml", "sink: {ftp: {}}\n")]).errors().join("\n"),
            "uploaders/u.yaml:1:7: it is not said where it sends to; add one of `file`, `http`, `mqtt`, `object_store`, `smtp`, for example `file: {path: …}`\nuploaders/u.yaml:1:8: unknown key `ftp`; Known keys: `file`, `http`, `mqtt`, `object_store`, `smtp`",
        ),
        (
            TestSite::new(&[
                ("uploaders/u.yaml", "sink: {file: {path: x}}\n"),
                ("uploaders/v.yaml", "sink: {file: {path: ./x}}\n"),
            ])
            .errors()
            .join("\n"),
            "uploaders/v.yaml:1:21: the uploader `u` writes into this file, too; give each a file of its own",
        ),
    ] {
        assert_eq!(told, expected);
    }
}
