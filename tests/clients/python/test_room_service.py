"""Every call of RoomService by the PyPI package livekit-api (protobuf over Twirp)."""

import uuid

import pytest
import pytest_asyncio
from livekit import api, rtc

import pattern
from test_messages import keep_data
from test_sessions import audio_of, publish_tone
from waiting import until


@pytest_asyncio.fixture
async def rooms(server):
    async with api.LiveKitAPI(server.http, server.api_key, server.api_secret) as service:
        yield service.room


async def test_room_is_created_listed_and_deleted(rooms, room_name):
    created = await rooms.create_room(api.CreateRoomRequest(
        name=room_name, empty_timeout=77, departure_timeout=33, max_participants=5, metadata="from the API"))
    assert created.sid.startswith("RM_") and created.name == room_name and created.creation_time > 0
    fields = (created.empty_timeout, created.departure_timeout, created.max_participants, created.metadata)
    assert fields == (77, 33, 5, "from the API")
    again = await rooms.create_room(api.CreateRoomRequest(name=room_name, metadata="changed"))
    assert (again.sid, again.metadata, again.empty_timeout) == (created.sid, "changed", 77)

    listed = await rooms.list_rooms(api.ListRoomsRequest(names=[room_name]))
    assert [(r.sid, r.name) for r in listed.rooms] == [(created.sid, room_name)]
    everything = await rooms.list_rooms(api.ListRoomsRequest())
    assert created.sid in [r.sid for r in everything.rooms]

    await rooms.delete_room(api.DeleteRoomRequest(room=room_name))
    listed = await rooms.list_rooms(api.ListRoomsRequest(names=[room_name]))
    assert list(listed.rooms) == []


async def test_room_metadata_reaches_participants(rooms, room_name, join):
    alice = await join("alice")
    answer = await rooms.update_room_metadata(api.UpdateRoomMetadataRequest(room=room_name, metadata="agenda"))
    assert answer.metadata == "agenda"
    await until("alice sees the room's metadata", lambda: alice.metadata == "agenda")


async def test_participants_are_listed_fetched_and_removed(rooms, room_name, join):
    alice = await join("alice")
    who = api.RoomParticipantIdentity(room=room_name, identity="alice")

    async def active():
        seen = (await rooms.list_participants(api.ListParticipantsRequest(room=room_name))).participants
        return [p for p in seen if p.state == api.ParticipantInfo.ACTIVE]

    (listed,) = await until("alice is listed as active", active)
    assert (listed.identity, listed.sid) == ("alice", alice.local_participant.sid)
    fetched = await rooms.get_participant(who)
    assert fetched.sid == listed.sid and fetched.permission.can_publish
    await rooms.remove_participant(who)
    assert not (await rooms.list_participants(api.ListParticipantsRequest(room=room_name))).participants


async def test_participant_is_updated(rooms, room_name, join):
    alice, bob = await join("alice"), await join("bob")
    await until("bob sees alice", lambda: "alice" in bob.remote_participants)
    updated = await rooms.update_participant(api.UpdateParticipantRequest(
        room=room_name, identity="alice", name="A", metadata="m", attributes={"k": "v"},
        permission=api.ParticipantPermission(can_subscribe=True, can_publish=False, can_publish_data=True)))
    assert (updated.name, updated.metadata, dict(updated.attributes)) == ("A", "m", {"k": "v"})
    assert not updated.permission.can_publish
    seen = bob.remote_participants["alice"]
    await until("bob sees the update", lambda: (seen.name, seen.metadata, seen.attributes) == ("A", "m", {"k": "v"}))
    await until("alice learns that she may not publish",
                lambda: not alice.local_participant.permissions.can_publish)


async def test_track_is_muted_by_the_api(rooms, room_name, join):
    alice, bob = await join("alice"), await join("bob")
    track = rtc.LocalAudioTrack.create_audio_track("tone", rtc.AudioSource(48_000, 1))
    publication = await alice.local_participant.publish_track(track)
    await until("bob is subscribed", lambda: "alice" in bob.remote_participants
                and publication.sid in bob.remote_participants["alice"].track_publications)
    answer = await rooms.mute_published_track(api.MuteRoomTrackRequest(
        room=room_name, identity="alice", track_sid=publication.sid, muted=True))
    assert answer.track.muted and answer.track.sid == publication.sid
    await until("bob sees the mute", lambda: bob.remote_participants["alice"].track_publications[publication.sid].muted)
    with pytest.raises(api.TwirpError) as refused:
        await rooms.mute_published_track(api.MuteRoomTrackRequest(
            room=room_name, identity="alice", track_sid=publication.sid, muted=False))
    assert refused.value.code == "failed_precondition", refused.value


@pytest.mark.parametrize("mode", ["single", "dual"])
async def test_subscriptions_are_updated_by_the_api(rooms, room_name, join, mode):
    """Judged by the sound: the SDK tells of an unsubscription by the server only with the next subscription."""
    alice, bob = await join("alice", mode), await join("bob", mode)
    feed = await publish_tone(alice)
    (sid,) = alice.local_participant.track_publications
    await pattern.recognise_tone(await until("bob is subscribed", lambda: audio_of(bob, "alice")))
    update = api.UpdateSubscriptionsRequest(room=room_name, identity="bob", track_sids=[sid], subscribe=False)
    await rooms.update_subscriptions(update)

    async def silent():
        return not await pattern.carries_tone(audio_of(bob, "alice"))

    await until("bob hears nothing more", silent)
    update.subscribe = True
    await rooms.update_subscriptions(update)
    await until("bob hears alice again", lambda: pattern.carries_tone(audio_of(bob, "alice")))
    feed.cancel()


async def test_data_is_sent_by_the_api(rooms, room_name, join):
    alice, bob = await join("alice"), await join("bob")
    at_alice, at_bob = keep_data(alice), keep_data(bob)
    await until("alice sees bob", lambda: "bob" in alice.remote_participants)
    await rooms.send_data(api.SendDataRequest(
        room=room_name, data=b"one", kind=api.DataPacket.Kind.RELIABLE, destination_identities=["bob"],
        topic="t", nonce=uuid.uuid4().bytes))
    await rooms.send_data(api.SendDataRequest(
        room=room_name, data=b"two", kind=api.DataPacket.Kind.RELIABLE, nonce=uuid.uuid4().bytes))
    await until("bob receives both packets", lambda: len(at_bob) == 2)
    await until("alice receives the packet for all", lambda: at_alice)
    assert [(p.data, p.topic, p.participant) for p in at_bob][0] == (b"one", "t", None)
    assert [p.data for p in at_alice] == [b"two"]


NOT_FOUND_CALLS = {
    "get_participant": lambda rooms, room: rooms.get_participant(api.RoomParticipantIdentity(room=room, identity="no")),
    "remove_participant": lambda rooms, room: rooms.remove_participant(api.RoomParticipantIdentity(room=room, identity="no")),
    "update_participant": lambda rooms, room: rooms.update_participant(
        api.UpdateParticipantRequest(room=room, identity="no", metadata="m")),
    "mute_published_track": lambda rooms, room: rooms.mute_published_track(
        api.MuteRoomTrackRequest(room=room, identity="no", track_sid="TR_no", muted=True)),
}


@pytest.mark.parametrize("call", list(NOT_FOUND_CALLS))
async def test_unknown_participant_is_not_found(rooms, room_name, call):
    await rooms.create_room(api.CreateRoomRequest(name=room_name))
    with pytest.raises(api.TwirpError) as refused:
        await NOT_FOUND_CALLS[call](rooms, room_name)
    assert (refused.value.code, refused.value.status) == ("not_found", 404), refused.value


async def test_deleting_an_unknown_room_is_not_found(rooms, room_name):
    with pytest.raises(api.TwirpError) as refused:
        await rooms.delete_room(api.DeleteRoomRequest(room=room_name))
    assert (refused.value.code, refused.value.status) == ("not_found", 404)


async def test_wrong_secret_is_unauthenticated(server, room_name):
    async with api.LiveKitAPI(server.http, server.api_key, "w" * 40) as service:
        with pytest.raises(Exception) as refused:
            await service.room.create_room(api.CreateRoomRequest(name=room_name))
    assert getattr(refused.value, "status", None) == 401, refused.value
