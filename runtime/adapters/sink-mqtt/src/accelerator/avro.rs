//! As much of Avro's binary encoding as one record of strings, numbers and arrays needs.
//!
//! <https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>, `#object-container-files`.

/// A datum in the making: fields are written in the order of the schema.
#[derive(Debug, Default)]
pub(super) struct Datum(Vec<u8>);

impl Datum {
    /// A whole number: zigzag, then seven bits a byte, the lowest first.
    pub(super) fn long(&mut self, value: i64) -> &mut Self {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
        self
    }

    /// A number of single precision.
    pub(super) fn float(&mut self, value: f32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A text in UTF-8.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.long(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        self.0.extend(bytes);
        self
    }

    /// A list: one block, and the end.
    pub(super) fn array<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) -> &mut Self {
        if !items.is_empty() {
            self.long(i64::try_from(items.len()).unwrap_or(i64::MAX));
            items.iter().for_each(|item| write(self, item));
        }
        self.long(0)
    }
}

/// An object container with one datum, uncompressed. `sync` stands behind the block, as a random number does elsewhere.
pub(super) fn container(schema: &str, datum: &Datum, sync: &[u8; 16]) -> Vec<u8> {
    let mut file = Datum(b"Obj\x01".to_vec());
    file.array(&[("avro.schema", schema), ("avro.codec", "null")], |file, (key, value)| {
        file.text(key).bytes(value.as_bytes());
    });
    file.0.extend(sync);
    file.long(1).bytes(&datum.0);
    file.0.extend(sync);
    file.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification.
    #[test]
    fn numbers_are_written_as_the_specification_says() {
        for (number, bytes) in [
            (0, &[0_u8][..]),
            (-1, &[1]),
            (1, &[2]),
            (-64, &[0x7f]),
            (64, &[0x80, 1]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut datum = Datum::default();
            datum.long(number);
            assert_eq!(datum.0, bytes, "{number}");
        }
        let mut datum = Datum::default();
        datum.text("foo").array(&[3_i64, 27], |datum, n| {
            datum.long(*n);
        });
        assert_eq!(datum.0, [6, 0x66, 0x6f, 0x6f, 4, 6, 54, 0]);
    }
}
