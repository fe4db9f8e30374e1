"""Fixtures of all Python suites: the server, rooms of their own, and participants that leave when a test ends."""

import os
import sys
import uuid

import pytest
import pytest_asyncio
from livekit import api, rtc

from receiver import running_receiver
from server import Server, running_server

MODES = {"single": True, "dual": False}

EXIT_STATUS = pytest.StashKey[int]()


def pytest_sessionfinish(session, exitstatus):
    session.config.stash[EXIT_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Ends the process, once all is told, without finalising: threads of the SDK may still call an interpreter, and abort it then."""
    if EXIT_STATUS in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[EXIT_STATUS])


@pytest.fixture(scope="session")
def _receiver():
    with running_receiver() as running:
        yield running


@pytest.fixture(scope="session")
def receiver(_receiver):
    """What the server tells of its rooms; nothing of a server that runs already."""
    return None if os.environ.get("SLUICE_URL") else _receiver


@pytest.fixture(scope="session")
def server(_receiver):
    with running_server(_receiver.url) as running:
        yield running


@pytest.fixture
def room_name() -> str:
    return f"python-{uuid.uuid4().hex[:8]}"


def participant_token(server: Server, room: str, identity: str, **grants) -> str:
    """Signs a participant token with LiveKit's own server SDK."""
    video = api.VideoGrants(room_join=True, room=room, **grants)
    return api.AccessToken(server.api_key, server.api_secret).with_identity(identity).with_grants(video).to_jwt()


def room_options(mode: str, passphrase: bytes | None = None, **options) -> rtc.RoomOptions:
    encryption = None
    if passphrase:
        encryption = rtc.E2EEOptions(rtc.KeyProviderOptions(shared_key=passphrase))
    return rtc.RoomOptions(single_peer_connection=MODES[mode], encryption=encryption, **options)


@pytest_asyncio.fixture
async def join(server, room_name):
    """A function that joins the room of this test as an identity; everyone leaves at the end."""
    rooms = []

    async def joined(identity: str, mode: str = "single", passphrase: bytes | None = None, prepare=None, **grants) -> rtc.Room:
        room = rtc.Room()
        rooms.append(room)
        if prepare:
            prepare(room)
        token = participant_token(server, room_name, identity, **grants)
        await room.connect(server.url, token, room_options(mode, passphrase))
        return room

    yield joined
    for room in rooms:
        await room.disconnect()
