//! A part of a file, as players ask for it: one byte range (RFC 9110, section 14).

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// The first byte, and the one after the last.
    Part(usize, usize),
    Nothing,
}

/// The file, or the part of it that the request asks for. Several parts at once are answered with the whole, as the standard allows.
pub fn answer(request: &HeaderMap, media_type: String, file: Vec<u8>) -> Response {
    let size = file.len();
    let file = Bytes::from(file);
    let asked = request.get(header::RANGE).and_then(|value| value.to_str().ok());
    let common = [(header::CONTENT_TYPE, media_type), (header::ACCEPT_RANGES, "bytes".to_owned())];
    match asked.map_or(Wanted::All, |asked| wanted(asked, size)) {
        Wanted::All => (common, file).into_response(),
        Wanted::Part(from, to) => {
            let range = format!("bytes {from}-{}/{size}", to - 1);
            (StatusCode::PARTIAL_CONTENT, common, [(header::CONTENT_RANGE, range)], file.slice(from..to))
                .into_response()
        }
        Wanted::Nothing => {
            (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, format!("bytes */{size}"))]).into_response()
        }
    }
}

/// A header that can't be understood is to be ignored.
fn wanted(asked: &str, size: usize) -> Wanted {
    let Some((first, last)) = asked.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let (from, to) = match (first.trim().is_empty(), last.trim().is_empty()) {
        (true, true) => return Wanted::All,
        (true, false) => match number(last) {
            Some(count) => (size.saturating_sub(count), size),
            None => return Wanted::All,
        },
        (false, open) => match (number(first), if open { Some(usize::MAX - 1) } else { number(last) }) {
            (Some(from), Some(last)) if from <= last => (from, last.saturating_add(1).min(size)),
            _ => return Wanted::All,
        },
    };
    if from < to { Wanted::Part(from, to) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_as_the_standard_says() {
        for (asked, expected) in [
            ("bytes=0-99", Wanted::Part(0, 100)),
            ("bytes=0-", Wanted::Part(0, 1_000)),
            ("bytes=990-2000", Wanted::Part(990, 1_000)),
            ("bytes=-10", Wanted::Part(990, 1_000)),
            ("bytes=-5000", Wanted::Part(0, 1_000)),
            ("bytes=1000-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-2", Wanted::All),
            ("bytes=0-1,5-6", Wanted::All),
            ("bytes=-", Wanted::All),
            ("lines=0-1", Wanted::All),
            ("bytes=x-9", Wanted::All),
            ("bytes=99999999999999999999999-", Wanted::All),
        ] {
            assert_eq!(wanted(asked, 1_000), expected, "{asked}");
        }
        assert_eq!(wanted("bytes=0-0", 0), Wanted::Nothing);
    }
}
