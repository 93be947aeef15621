//! Topic aliases (MQTT 5, 3.3.2.3.4): a number in the place of a topic that the broker has seen on this connection. Pure.
//!
//! They go to the topics of messages without acknowledgement, which come by far the most often: those that come first get one, as many as
//! the broker allows. A number is never given to another topic.

use std::collections::HashMap;

/// The aliases of one connection.
#[derive(Debug)]
pub(crate) struct Aliases {
    most: u16,
    known: HashMap<String, u16>,
}

/// How a message names its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The topic; empty when the alias stands for it.
    pub(crate) topic: String,
    /// The alias.
    pub(crate) alias: Option<u16>,
}

impl Aliases {
    /// For a broker that allows so many.
    pub(crate) fn new(most: u16) -> Self {
        Self { most, known: HashMap::new() }
    }

    /// Names the topic of a message that is about to be sent.
    pub(crate) fn name(&mut self, topic: String) -> Named {
        if let Some(alias) = self.known.get(&topic) {
            return Named { topic: String::new(), alias: Some(*alias) };
        }
        let next = u16::try_from(self.known.len() + 1).unwrap_or(u16::MAX);
        if next > self.most || next == u16::MAX {
            return Named { topic, alias: None };
        }
        self.known.insert(topic.clone(), next);
        Named { topic, alias: Some(next) }
    }

    /// The message that was to tell the broker of an alias could not be sent.
    pub(crate) fn unsent(&mut self, named: &Named) {
        // The last one that was given: the others keep their numbers.
        if named.alias.is_some() && !named.topic.is_empty() {
            self.known.remove(&named.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(topic: &str, alias: impl Into<Option<u16>>) -> Named {
        Named { topic: topic.to_owned(), alias: alias.into() }
    }

    #[test]
    fn the_first_topics_get_a_number_each_and_are_named_by_it_from_then_on() {
        let mut aliases = Aliases::new(2);
        let mut name = |topic: &str| aliases.name(topic.to_owned());
        assert_eq!(name("a"), named("a", 1));
        assert_eq!(name("a"), named("", 1));
        assert_eq!(name("b"), named("b", 2));
        assert_eq!(name("c"), named("c", None));
        assert_eq!((name("b"), name("a")), (named("", 2), named("", 1)));
    }

    #[test]
    fn a_broker_without_aliases_gets_none_and_what_was_not_sent_is_not_known() {
        assert_eq!(Aliases::new(0).name("a".into()), named("a", None));
        let mut aliases = Aliases::new(5);
        let first = aliases.name("a".into());
        aliases.unsent(&first);
        assert_eq!(aliases.name("b".into()), named("b", 1));
        assert_eq!(aliases.name("a".into()), named("a", 2));
    }
}
