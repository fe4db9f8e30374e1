use sfu_model::{NodeIndex, RoomIndex, ShardIndex};

use super::*;

#[test]
fn nothing_is_kept_of_what_is_over() {
    let (room, index, shard, node) = (RoomIndex(1), 1, ShardIndex(0), NodeIndex(0));
    let mut qualities = Qualities::default();
    let publication = PublicationId {
        room,
        index,
        shard,
        node,
    };
    qualities
        .published
        .insert(publication, Published::default());
    let subscription = SubscriptionId {
        room,
        index,
        shard,
        node,
    };
    qualities.received.insert(subscription, Received::default());
    let peer = PeerId {
        room,
        index,
        shard,
        node,
    };
    qualities.silences.insert(peer, Duration::ZERO);
    qualities.scores.insert(ParticipantKey(1), Score::BEST);

    let (mut roster, tracks) = (Roster::default(), Tracks::default());
    qualities.judge(&mut roster, &tracks, &mut Outputs::default());

    assert!(qualities.published.is_empty() && qualities.received.is_empty());
    assert!(qualities.silences.is_empty() && qualities.scores.is_empty());
}
