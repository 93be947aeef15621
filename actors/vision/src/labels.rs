//! Names of classes: COCO's, those in a file, and those that an exporter wrote into a model.

/// The 80 classes of COCO as detectors number them, 0 to 79.
pub const COCO: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];

/// The 20 classes of Pascal VOC in their usual order.
pub(crate) const VOC: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// Numbers up to 90 that COCO's annotations leave unused.
const COCO_GAPS: [usize; 11] = [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// COCO's names by the numbers of its annotations, 0 to 90, as DETR and TensorFlow's models have them. Unused numbers are
/// called `unused12`.
pub fn coco_by_number() -> Vec<String> {
    let mut names = COCO.iter();
    (0..=90)
        .map(|number| match COCO_GAPS.contains(&number) {
            true => format!("unused{number}"),
            false => names.next().map_or_else(|| format!("unused{number}"), |name| (*name).to_owned()),
        })
        .collect()
}

/// Why a text holds no labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LabelsError(String);

/// Reads a file of labels: one a line, in the order of the model's classes. Blank lines at the end are ignored.
///
/// # Errors
/// When a line between others is blank, a label occurs twice, or there is none.
pub fn parse_label_file(text: &str) -> Result<Vec<String>, LabelsError> {
    let labels: Vec<&str> = text.trim_start_matches('\u{feff}').trim_end().lines().map(str::trim).collect();
    if labels == [""] || labels.is_empty() {
        return Err(LabelsError("no labels: one a line is expected, in the order of the model's classes".into()));
    }
    for (i, label) in labels.iter().enumerate() {
        if label.is_empty() {
            return Err(LabelsError(format!("line {}: a blank line; each line names one class", i + 1)));
        }
        if let Some(first) = labels[..i].iter().position(|l| l == label) {
            return Err(LabelsError(format!("line {}: `{label}` stands in line {} already", i + 1, first + 1)));
        }
    }
    Ok(labels.into_iter().map(str::to_owned).collect())
}

/// Reads the `names` that exporters of YOLO models write into the ONNX metadata: a Python dictionary
/// `{0: 'person', 1: "driver's cab"}`, a Python list `['person', 'car']`, or the same in JSON. `None` when it is neither,
/// or the numbers don't run from 0 without a gap.
pub fn parse_names(text: &str) -> Option<Vec<String>> {
    let mut scan = Scanner { rest: text.trim() };
    let keyed = scan.take('{');
    if !keyed && !scan.take('[') {
        return None;
    }
    let close = if keyed { '}' } else { ']' };
    let mut names: Vec<(usize, String)> = Vec::new();
    while !scan.take(close) {
        let index = if keyed { scan.index()? } else { names.len() };
        names.push((index, scan.quoted()?));
        if !scan.take(',') && !scan.rest.starts_with(close) {
            return None;
        }
    }
    if !scan.rest.is_empty() || names.is_empty() {
        return None;
    }
    names.sort_by_key(|(index, _)| *index);
    names.into_iter().enumerate().map(|(i, (index, name))| (i == index).then_some(name)).collect()
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn take(&mut self, token: char) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// `7:`, `'7':` or `"7":`.
    fn index(&mut self) -> Option<usize> {
        let index = if self.rest.starts_with(['\'', '"']) {
            self.quoted()?.parse().ok()?
        } else {
            let end = self.rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, rest) = self.rest.split_at(end);
            self.rest = rest.trim_start();
            digits.parse().ok()?
        };
        self.take(':').then_some(index)
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                }),
                _ if c == quote => {
                    self.rest = self.rest[at + c.len_utf8()..].trim_start();
                    return Some(text);
                }
                _ => text.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_in_every_form_that_exporters_write() {
        let want = Some(vec!["person".to_owned(), "driver's cab".to_owned()]);
        for text in [
            r#"{0: 'person', 1: "driver's cab"}"#,
            r"{1: 'driver\'s cab', 0: 'person',}",
            r#"['person', "driver's cab"]"#,
            r#"{"0": "person", "1": "driver's cab"}"#,
        ] {
            assert_eq!(parse_names(text), want, "{text}");
        }
        for text in
            ["", "person", "{}", "[]", "{0: 'a', 2: 'b'}", "{0: 'a', 0: 'b'}", "['a' 'b']", "['a'", "{0: a}", "[1]"]
        {
            assert_eq!(parse_names(text), None, "{text}");
        }
    }

    #[test]
    fn coco_has_gaps_by_number() {
        let names = coco_by_number();
        assert_eq!((names.len(), &*names[1], &*names[13], &*names[90]), (91, "person", "stop sign", "toothbrush"));
        assert!(!names.contains(&"unused90".to_owned()));
    }

    #[test]
    fn a_label_file_is_read_or_says_which_line_is_wrong() {
        assert_eq!(parse_label_file("person\r\ncar\n\n").unwrap(), ["person", "car"]);
        assert!(parse_label_file("").is_err());
        assert!(parse_label_file("a\n\nb").unwrap_err().to_string().starts_with("line 2:"));
        assert!(parse_label_file("a\nb\na").unwrap_err().to_string().contains("line 1 already"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "\\PC*") {
            parse_names(&text);
            if let Ok(labels) = parse_label_file(&text) {
                prop_assert!(!labels.is_empty());
            }
        }

        #[test]
        fn names_that_python_would_write_are_read_back(names in prop::collection::vec("[a-zA-Z ä-ü]{1,12}", 1..40)) {
            let text: Vec<String> = names.iter().enumerate().map(|(i, n)| format!("{i}: '{n}'")).collect();
            prop_assert_eq!(parse_names(&format!("{{{}}}", text.join(", "))), Some(names));
        }
    }
}
