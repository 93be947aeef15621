//! Shared subscriptions: rmqtt knows their members, but leaves choosing one to a plugin.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use rmqtt::{
    context::ServerContext,
    subscribe::SharedSubscription,
    types::{ClientId, Id, IsOnline, NodeId, SharedGroup, SubscriptionIdentifier, SubscriptionOptions, TopicName},
};

/// Each message goes to the next member that is connected; to the next one at all when none is.
#[derive(Default)]
pub(super) struct Sharing(AtomicUsize);

#[async_trait]
impl SharedSubscription for Sharing {
    fn is_supported(&self) -> bool {
        true
    }

    async fn choice(
        &self,
        _: &ServerContext,
        _: &SharedGroup,
        _: &Id,
        _: &TopicName,
        members: &[(NodeId, ClientId, SubscriptionOptions, Option<Vec<SubscriptionIdentifier>>, Option<IsOnline>)],
    ) -> Option<(usize, IsOnline)> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        let online: Vec<bool> = members.iter().map(|(.., online)| online.unwrap_or(true)).collect();
        next(&online, turn)
    }
}

/// The member whose turn it is, and whether it is connected.
fn next(online: &[bool], turn: usize) -> Option<(usize, bool)> {
    let connected: Vec<usize> =
        online.iter().enumerate().filter(|(_, online)| **online).map(|(index, _)| index).collect();
    match (connected.is_empty(), online.is_empty()) {
        (false, _) => Some((connected[turn % connected.len()], true)),
        (true, false) => Some((turn % online.len(), false)),
        (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_that_is_connected_has_its_turn() {
        let turns = |online: &[bool]| (0..4).map(|turn| next(online, turn)).collect::<Vec<_>>();
        assert_eq!(turns(&[true, false, true]), [Some((0, true)), Some((2, true)), Some((0, true)), Some((2, true))]);
        assert_eq!(turns(&[false, false])[..2], [Some((0, false)), Some((1, false))]);
        assert_eq!(turns(&[]), [None; 4]);
    }
}
