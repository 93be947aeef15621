//! A part of a file, as players ask for them: one byte range (RFC 9110, section 14). What is sent is read as it is sent, a bounded piece at a time.

use std::io::SeekFrom;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use parapet_contracts::ports::evidence::EvidenceReader;

/// Bytes that are read at once.
const PIECE: u64 = 256 << 10;

/// A file that is to be sent.
pub struct Content {
    /// What it is.
    pub media_type: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// It, opened.
    pub reader: Box<dyn EvidenceReader>,
}

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// The first byte, and the one after the last.
    Part(u64, u64),
    Nothing,
}

/// The file, or the part of it that the request asks for. Several parts at once are answered with the whole, as the standard allows.
pub fn answer(request: &HeaderMap, content: Content) -> Response {
    let Content { media_type, bytes: size, reader } = content;
    let asked = request.get(header::RANGE).and_then(|value| value.to_str().ok());
    let common = |length: u64| {
        [
            (header::CONTENT_TYPE, media_type.clone()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
        ]
    };
    match asked.map_or(Wanted::All, |asked| wanted(asked, size)) {
        Wanted::All => (common(size), body(reader, 0, size)).into_response(),
        Wanted::Part(from, to) => {
            let range = format!("bytes {from}-{}/{size}", to - 1);
            let body = body(reader, from, to);
            (StatusCode::PARTIAL_CONTENT, common(to - from), [(header::CONTENT_RANGE, range)], body).into_response()
        }
        Wanted::Nothing => {
            (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, format!("bytes */{size}"))]).into_response()
        }
    }
}

/// The bytes from the first place up to the second. When they can't be read any more, the connection breaks off, and the client sees
/// that they are too few.
fn body(reader: Box<dyn EvidenceReader>, from: u64, to: u64) -> Body {
    Body::from_stream(stream::unfold(Some((reader, from)), move |place| async move {
        let (reader, from) = place.filter(|(_, from)| *from < to)?;
        let read = tokio::task::spawn_blocking(move || piece(reader, from, (to - from).min(PIECE))).await;
        Some(match read.map_err(std::io::Error::other).flatten() {
            Ok((reader, piece)) => {
                let next = from + piece.len() as u64;
                (Ok(piece), Some((reader, next)))
            }
            Err(error) => {
                tracing::warn!(%error, "a file can't be read on while it is sent");
                (Err(error), None)
            }
        })
    }))
}

fn piece(
    mut reader: Box<dyn EvidenceReader>,
    from: u64,
    length: u64,
) -> std::io::Result<(Box<dyn EvidenceReader>, Bytes)> {
    let mut piece = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    reader.seek(SeekFrom::Start(from))?;
    reader.read_exact(&mut piece)?;
    Ok((reader, piece.into()))
}

/// A header that can't be understood is to be ignored.
fn wanted(asked: &str, size: u64) -> Wanted {
    let Some((first, last)) = asked.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Wanted::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (from, to) = match (first.trim().is_empty(), last.trim().is_empty()) {
        (true, true) => return Wanted::All,
        (true, false) => match number(last) {
            Some(count) => (size.saturating_sub(count), size),
            None => return Wanted::All,
        },
        (false, open) => match (number(first), if open { Some(u64::MAX - 1) } else { number(last) }) {
            (Some(from), Some(last)) if from <= last => (from, last.saturating_add(1).min(size)),
            _ => return Wanted::All,
        },
    };
    if from < to { Wanted::Part(from, to) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Cursor;

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

    #[tokio::test]
    async fn pieces_make_the_whole_and_a_file_that_ends_early_breaks_off() {
        let file: Vec<u8> = (0..600_000_u32).map(|n| (n % 251) as u8).collect();
        let reader = |file: &[u8]| Box::new(Cursor::new(file.to_vec())) as Box<dyn EvidenceReader>;
        for (from, to) in [(0, 600_000), (5, 400_000), (262_144, 262_145), (7, 7)] {
            let sent = axum::body::to_bytes(body(reader(&file), from, to), 1 << 20).await.unwrap();
            assert_eq!(sent, file[from as usize..to as usize], "{from}..{to}");
        }
        assert!(axum::body::to_bytes(body(reader(&file[..300_000]), 0, 600_000), 1 << 20).await.is_err());
    }
}
