"""A tone and a colour pattern of one process are recognised in another."""

import asyncio
import contextlib
import json
import pathlib
import sys

import pytest
from livekit import rtc

import pattern
from conftest import participant_token
from waiting import until

PUBLISHER = pathlib.Path(__file__).with_name("publisher.py")
PASSPHRASE = "a passphrase that the server never sees"


@contextlib.asynccontextmanager
async def publisher(server, room_name, **settings):
    """Another process that publishes as `publisher` until the block ends."""
    arguments = {"url": server.url, "token": participant_token(server, room_name, "publisher"), **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PUBLISHER), json.dumps(arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    try:
        first_line = await asyncio.wait_for(process.stdout.readline(), 30)
        assert first_line.strip() == b"published", f"the publisher failed: {first_line!r}"
        yield
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 20) == 0, "the publisher did not end well"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def track_of(room: rtc.Room, identity: str, kind: rtc.TrackKind) -> rtc.Track:
    """The subscribed track of this kind."""
    def subscribed():
        participant = room.remote_participants.get(identity)
        publications = participant.track_publications.values() if participant else ()
        return next((p.track for p in publications if p.kind == kind and p.track), None)

    return await until(f"a subscribed track of kind {kind} of {identity}", subscribed)


async def recognise(room: rtc.Room) -> None:
    video = await track_of(room, "publisher", rtc.TrackKind.KIND_VIDEO)
    audio = await track_of(room, "publisher", rtc.TrackKind.KIND_AUDIO)
    await asyncio.gather(pattern.recognise_picture(video), pattern.recognise_tone(audio))


@pytest.mark.parametrize("receiver_mode", ["single", "dual"])
@pytest.mark.parametrize("publisher_mode", ["single", "dual"])
async def test_tone_and_pattern_are_recognised(server, room_name, join, publisher_mode, receiver_mode):
    receiver = await join("receiver", mode=receiver_mode)
    async with publisher(server, room_name, mode=publisher_mode):
        await recognise(receiver)


@pytest.mark.parametrize("codec", ["H264", "VP9", "AV1"])
async def test_pattern_survives_every_codec(server, room_name, join, codec):
    async with publisher(server, room_name, mode="single", codec=codec):
        receiver = await join("receiver")
        await recognise(receiver)
        publications = receiver.remote_participants["publisher"].track_publications.values()
        assert f"video/{codec.lower()}" in [p.mime_type.lower() for p in publications]


@pytest.mark.parametrize("mode", ["single", "dual"])
async def test_encrypted_tone_and_pattern_are_recognised_with_the_key(server, room_name, join, mode):
    async with publisher(server, room_name, mode=mode, passphrase=PASSPHRASE):
        receiver = await join("receiver", mode=mode, passphrase=PASSPHRASE.encode())
        await recognise(receiver)


async def test_encrypted_tone_is_not_recognised_with_another_key(server, room_name, join):
    async with publisher(server, room_name, mode="single", passphrase=PASSPHRASE):
        receiver = await join("receiver", passphrase=b"another passphrase")
        audio = await track_of(receiver, "publisher", rtc.TrackKind.KIND_AUDIO)
        with pytest.raises(AssertionError):
            await pattern.recognise_tone(audio, within=4)


async def test_both_sides_publish_and_recognise(server, room_name, join):
    """The receiver publishes too: one peer connection carries both directions."""
    receiver = await join("receiver")
    source = rtc.VideoSource(pattern.WIDTH, pattern.HEIGHT)
    feed = asyncio.create_task(pattern.show(source))
    track = rtc.LocalVideoTrack.create_video_track("back", source)
    await receiver.local_participant.publish_track(track, rtc.TrackPublishOptions(simulcast=False))
    onlooker = await join("onlooker")
    async with publisher(server, room_name, mode="single"):
        await recognise(receiver)
        await pattern.recognise_picture(await track_of(onlooker, "receiver", rtc.TrackKind.KIND_VIDEO))
    feed.cancel()
