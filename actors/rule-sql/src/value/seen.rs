//! Values that were met before, found without comparing with each of them.

use std::collections::HashMap;

use super::Value;

/// Values met so far, by the equality of [`Value`].
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    /// Values that may be equal share a key.
    by_key: HashMap<Key<'a>, Vec<&'a Value>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key<'a> {
    Bool(bool),
    /// The bits of the float next to it: 1 and 1.0 are equal.
    Number(u64),
    Text(&'a str),
    /// All else: compared one by one.
    Other,
}

impl<'a> Key<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Bool(b) => Self::Bool(*b),
            Value::Int(i) => Self::Number((*i as f64).to_bits()),
            // Minus zero and zero are equal.
            Value::Float(f) => Self::Number((f + 0.0).to_bits()),
            Value::Str(s) => Self::Text(s),
            _ => Self::Other,
        }
    }
}

impl<'a> Seen<'a> {
    /// These values.
    pub(crate) fn of(values: &'a [Value]) -> Self {
        let mut seen = Self::default();
        for value in values {
            seen.add(value);
        }
        seen
    }

    /// Whether an equal value was met.
    pub(crate) fn has(&self, value: &Value) -> bool {
        self.by_key.get(&Key::of(value)).is_some_and(|alike| alike.contains(&value))
    }

    /// Meets a value, and returns whether it is new.
    pub(crate) fn add(&mut self, value: &'a Value) -> bool {
        let alike = self.by_key.entry(Key::of(value)).or_default();
        let new = !alike.contains(&value);
        if new {
            alike.push(value);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-3_i64..3).prop_map(Value::Int),
            prop::sample::select(vec![i64::MAX, i64::MAX - 1, i64::MIN]).prop_map(Value::Int),
            prop::sample::select(vec![-1.0, -0.0, 0.0, 1.0, 1.5, f64::NAN, 9_223_372_036_854_775_807.0])
                .prop_map(Value::Float),
            "[ab]{0,2}".prop_map(Value::from),
            prop::collection::vec(0_i64..2, 0..2)
                .prop_map(|items| Value::array(items.into_iter().map(Value::Int).collect())),
        ]
    }

    proptest! {
        #[test]
        fn finds_what_comparing_with_each_finds(values in prop::collection::vec(any_value(), 0..24)) {
            let mut seen = Seen::default();
            let mut naive: Vec<&Value> = Vec::new();
            for value in &values {
                prop_assert_eq!(seen.has(value), naive.contains(&value));
                let new = !naive.contains(&value);
                if new {
                    naive.push(value);
                }
                prop_assert_eq!(seen.add(value), new);
            }
        }
    }
}
