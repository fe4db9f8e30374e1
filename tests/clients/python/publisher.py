"""A process that joins, publishes the pattern and the tone, and leaves when its standard input ends.

Arguments as one JSON object: url, token, mode, codec, passphrase. Prints `published` once both tracks are up.
"""

import asyncio
import json
import os
import sys

from livekit import rtc

import pattern
from conftest import room_options


async def main() -> None:
    settings = json.loads(sys.argv[1])
    passphrase = settings.get("passphrase")
    room = rtc.Room()
    options = room_options(settings["mode"], passphrase.encode() if passphrase else None)
    await room.connect(settings["url"], settings["token"], options)

    video_source = rtc.VideoSource(pattern.WIDTH, pattern.HEIGHT)
    audio_source = rtc.AudioSource(pattern.SAMPLE_RATE, 1)
    video = rtc.LocalVideoTrack.create_video_track("pattern", video_source)
    audio = rtc.LocalAudioTrack.create_audio_track("tone", audio_source)
    feeds = [asyncio.create_task(pattern.show(video_source)), asyncio.create_task(pattern.sound(audio_source))]
    codec = rtc.VideoCodec.Value(settings.get("codec", "VP8"))
    await room.local_participant.publish_track(
        video, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, video_codec=codec, simulcast=False))
    await room.local_participant.publish_track(
        audio, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    print("published", flush=True)

    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for feed in feeds:
        feed.cancel()
    await room.disconnect()


asyncio.run(main())
# Threads of the SDK may still call Python: in an interpreter that is being finalised that aborts the process.
os._exit(0)
