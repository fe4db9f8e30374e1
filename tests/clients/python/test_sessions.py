"""Participants' own data, reconnections and the ends of sessions, seen from Python."""

import asyncio

import pytest
from livekit import api, rtc

import pattern
from conftest import participant_token, room_options
from waiting import next_event, until


async def test_metadata_name_and_attributes_reach_others(join):
    alice = await join("alice", can_update_own_metadata=True)
    bob = await join("bob")
    await until("bob sees alice", lambda: "alice" in bob.remote_participants)
    await alice.local_participant.set_metadata("made of wood")
    await alice.local_participant.set_name("Alice A.")
    await alice.local_participant.set_attributes({"colour": "blue", "size": "L"})
    seen = bob.remote_participants["alice"]
    await until("bob sees the metadata", lambda: seen.metadata == "made of wood")
    await until("bob sees the name", lambda: seen.name == "Alice A.")
    await until("bob sees the attributes", lambda: seen.attributes == {"colour": "blue", "size": "L"})
    await alice.local_participant.set_attributes({"size": ""})
    await until("an empty value deletes the attribute", lambda: seen.attributes == {"colour": "blue"})


async def publish_tone(room: rtc.Room) -> asyncio.Task:
    source = rtc.AudioSource(pattern.SAMPLE_RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    feed = asyncio.create_task(pattern.sound(source))
    await room.local_participant.publish_track(track)
    return feed


def audio_of(room: rtc.Room, identity: str) -> rtc.Track | None:
    participant = room.remote_participants.get(identity)
    return next((p.track for p in participant.track_publications.values() if p.track), None) if participant else None


SCENARIOS = {
    "resume": rtc.SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT,
    "full reconnect": rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT,
    "node failure": rtc.SimulateScenarioKind.SIMULATE_NODE_FAILURE,
}


@pytest.mark.parametrize("mode", ["single", "dual"])
@pytest.mark.parametrize("scenario", list(SCENARIOS))
async def test_sound_survives(join, mode, scenario):
    alice, bob = await join("alice", mode), await join("bob", mode)
    feed = await publish_tone(alice)
    await pattern.recognise_tone(await until("bob hears alice", lambda: audio_of(bob, "alice")))
    came_back = asyncio.ensure_future(next_event(alice, "reconnected", within=25))
    await asyncio.sleep(0)
    await alice.simulate_scenario(SCENARIOS[scenario])
    await came_back
    await pattern.recognise_tone(await until("bob hears alice again", lambda: audio_of(bob, "alice")))
    feed.cancel()


@pytest.mark.parametrize("mode", ["single", "dual"])
async def test_server_that_leaves_ends_the_session(join, mode):
    alice = await join("alice", mode)
    ended = asyncio.ensure_future(next_event(alice, "disconnected"))
    await asyncio.sleep(0)
    await alice.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_SERVER_LEAVE)
    assert await ended == (rtc.DisconnectReason.SERVER_SHUTDOWN,)


async def test_second_participant_of_an_identity_ends_the_first(join):
    first = await join("twin")
    ended = asyncio.ensure_future(next_event(first, "disconnected"))
    await asyncio.sleep(0)
    await join("twin")
    assert await ended == (rtc.DisconnectReason.DUPLICATE_IDENTITY,)


async def test_room_deletion_ends_its_participants(server, room_name, join):
    alice = await join("alice")
    ended = asyncio.ensure_future(next_event(alice, "disconnected"))
    await asyncio.sleep(0)
    async with api.LiveKitAPI(server.http, server.api_key, server.api_secret) as service:
        await service.room.delete_room(api.DeleteRoomRequest(room=room_name))
    assert await ended == (rtc.DisconnectReason.ROOM_DELETED,)


async def test_removal_ends_the_participant(server, room_name, join):
    alice, bob = await join("alice"), await join("bob")
    await until("alice sees bob", lambda: "bob" in alice.remote_participants)
    ended = asyncio.ensure_future(next_event(bob, "disconnected"))
    gone = asyncio.ensure_future(next_event(alice, "participant_disconnected"))
    await asyncio.sleep(0)
    async with api.LiveKitAPI(server.http, server.api_key, server.api_secret) as service:
        await service.room.remove_participant(api.RoomParticipantIdentity(room=room_name, identity="bob"))
    assert await ended == (rtc.DisconnectReason.PARTICIPANT_REMOVED,)
    (participant,) = await gone
    assert participant.identity == "bob"
    assert participant.disconnect_reason == rtc.DisconnectReason.PARTICIPANT_REMOVED


@pytest.mark.parametrize("mode", ["single", "dual"])
async def test_token_of_an_unknown_key_is_refused(server, room_name, mode):
    video = api.VideoGrants(room_join=True, room=room_name)
    token = api.AccessToken("nokey", "n" * 32).with_identity("eve").with_grants(video).to_jwt()
    with pytest.raises(rtc.ConnectError) as refused:
        await rtc.Room().connect(server.url, token, room_options(mode))
    assert "invalid API key" in str(refused.value)


async def test_token_without_room_join_is_refused(server, room_name):
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("eve").with_grants(api.VideoGrants(room=room_name)).to_jwt()
    with pytest.raises(rtc.ConnectError) as refused:
        await rtc.Room().connect(server.url, token, room_options("single"))
    assert "permissions denied" in str(refused.value)
