"""Webhooks by the PyPI package livekit-api, which knows nothing of the fields that are ours."""

import json

import pytest
from livekit import api

from waiting import until


async def test_receiver_takes_what_is_sent(server, receiver, room_name):
    if receiver is None:
        pytest.skip("the server was started by somebody else")
    async with api.LiveKitAPI(server.http, server.api_key, server.api_secret) as service:
        room = await service.room.create_room(api.CreateRoomRequest(name=room_name))
        await service.room.delete_room(api.DeleteRoomRequest(room=room_name))

    sent = [webhook for webhook in receiver.received if room.sid in webhook.body]
    if len(sent) < 2:
        sent = await until("both events", lambda: _of(receiver, room.sid))
    verifier = api.TokenVerifier(server.api_key, server.api_secret)
    events = [api.WebhookReceiver(verifier).receive(webhook.body, webhook.authorization) for webhook in sent]
    assert [(event.event, event.room.name) for event in events] == [
        ("room_started", room_name),
        ("room_finished", room_name),
    ]
    assert [json.loads(webhook.body)["sequence"] for webhook in sent] == ["1", "2"]
    changed = sent[0].body.replace("room_started", "room_finished")
    with pytest.raises(Exception, match="hash mismatch"):
        api.WebhookReceiver(verifier).receive(changed, sent[0].authorization)


def _of(receiver, sid):
    sent = [webhook for webhook in receiver.received if sid in webhook.body]
    return sent if len(sent) >= 2 else None
