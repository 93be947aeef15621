//! Plain scalars by YAML 1.2's core schema (<https://yaml.org/spec/1.2.2/#103-core-schema>).

use super::Kind;

/// What an unquoted scalar is.
pub(super) fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Kind::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let radix = |prefix: &str, radix| {
        text.strip_prefix(prefix)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| i128::from_str_radix(digits, radix).ok())
    };
    if let Some(int) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Kind::Int(int);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_or_else(|_| Kind::Text(text.to_owned()), Kind::Int);
    }
    // The core schema's floats: no `inf`, no `1_000`, at least one digit.
    let float_like = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'))
        && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit());
    match text.parse() {
        Ok(float) if float_like => Kind::Float(float),
        _ => Kind::Text(text.to_owned()),
    }
}
