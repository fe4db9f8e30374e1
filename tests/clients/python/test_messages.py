"""Data packets, streams and RPC between Python participants."""

import asyncio
import hashlib
import os

import pytest
from livekit import rtc

from waiting import PATIENCE_S, until

TOPIC = "stream"

# 100 of them meet no limit either, and take a minute.
STREAM_MEGABYTES = int(os.environ.get("SLUICE_STREAM_MEGABYTES", "5"))


def keep_data(room: rtc.Room) -> list[rtc.DataPacket]:
    received = []
    room.on("data_received", received.append)
    return received


async def everyone_sees_everyone(*rooms: rtc.Room) -> None:
    identities = {room.local_participant.identity for room in rooms}
    for room in rooms:
        others = identities - {room.local_participant.identity}
        await until(f"{room.local_participant.identity} sees {others}", lambda: others <= set(room.remote_participants))


@pytest.mark.parametrize("mode", ["single", "dual"])
@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "lossy"])
async def test_data_packet_arrives_with_sender_and_topic(join, mode, reliable):
    alice, bob = await join("alice", mode), await join("bob", mode)
    received = keep_data(bob)
    await everyone_sees_everyone(alice, bob)
    await alice.local_participant.publish_data(b"hello", reliable=reliable, topic="greeting")
    packet = (await until("bob receives the packet", lambda: received))[0]
    assert (packet.data, packet.topic, packet.participant.identity) == (b"hello", "greeting", "alice")
    expected = rtc.DataPacketKind.KIND_RELIABLE if reliable else rtc.DataPacketKind.KIND_LOSSY
    assert packet.kind == expected


async def test_data_packet_reaches_its_destinations_only(join):
    alice, bob, carol = await join("alice"), await join("bob"), await join("carol")
    at_bob, at_carol = keep_data(bob), keep_data(carol)
    await everyone_sees_everyone(alice, bob, carol)
    await alice.local_participant.publish_data("for carol", destination_identities=["carol"])
    await alice.local_participant.publish_data("for all")
    await until("bob receives the packet for all", lambda: at_bob)
    await until("carol receives both packets", lambda: len(at_carol) == 2)
    assert [p.data for p in at_bob] == [b"for all"]
    assert [p.data for p in at_carol] == [b"for carol", b"for all"]


async def test_reliable_packets_arrive_complete_and_in_order(join):
    alice, bob = await join("alice"), await join("bob")
    received = keep_data(bob)
    await everyone_sees_everyone(alice, bob)
    sent = [f"{number}:".encode() + bytes(5_000) for number in range(200)]
    for packet in sent:
        await alice.local_participant.publish_data(packet)
    await until("bob receives 200 packets", lambda: len(received) == len(sent))
    assert [p.data for p in received] == sent


@pytest.mark.parametrize("length", [12, 1_000_000])
async def test_text_stream_arrives_whole(join, length):
    alice, bob = await join("alice"), await join("bob")
    arrived = asyncio.get_running_loop().create_future()

    def on_stream(reader: rtc.TextStreamReader, identity: str) -> None:
        async def read():
            arrived.set_result((identity, dict(reader.info.attributes or {}), await reader.read_all()))
        asyncio.ensure_future(read())

    bob.register_text_stream_handler(TOPIC, on_stream)
    await everyone_sees_everyone(alice, bob)
    text = "aß€😀"[:4] * (length // 4)
    await alice.local_participant.send_text(text, topic=TOPIC, attributes={"colour": "blue"})
    identity, attributes, seen = await asyncio.wait_for(arrived, PATIENCE_S)
    assert identity == "alice" and attributes["colour"] == "blue"
    assert len(seen) == len(text) and seen == text


@pytest.mark.timeout(90 + 2 * STREAM_MEGABYTES)
async def test_byte_stream_arrives_whole(join):
    alice, bob = await join("alice"), await join("bob")
    arrived = asyncio.get_running_loop().create_future()

    def on_stream(reader: rtc.ByteStreamReader, _identity: str) -> None:
        async def read():
            digest, size = hashlib.sha256(), 0
            async for chunk in reader:
                digest.update(chunk)
                size += len(chunk)
            arrived.set_result((reader.info.name, size, digest.hexdigest()))
        asyncio.ensure_future(read())

    bob.register_byte_stream_handler(TOPIC, on_stream)
    await everyone_sees_everyone(alice, bob)
    content = os.urandom(STREAM_MEGABYTES * 1_000_000)
    writer = await alice.local_participant.stream_bytes("noise.bin", topic=TOPIC, total_size=len(content))
    await writer.write(content)
    await writer.aclose()
    seen = await asyncio.wait_for(arrived, PATIENCE_S + STREAM_MEGABYTES)
    assert seen == ("noise.bin", len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("mode", ["single", "dual"])
async def test_rpc_is_answered(join, mode):
    alice, bob = await join("alice", mode), await join("bob", mode)

    @bob.local_participant.register_rpc_method("shout")
    async def shout(call: rtc.RpcInvocationData) -> str:
        return f"{call.caller_identity}: {call.payload.upper()}"

    await everyone_sees_everyone(alice, bob)
    answer = await alice.local_participant.perform_rpc(destination_identity="bob", method="shout", payload="hi")
    assert answer == "alice: HI"
    large = "x" * 14_000
    answer = await alice.local_participant.perform_rpc(destination_identity="bob", method="shout", payload=large)
    assert answer == f"alice: {large.upper()}"


async def test_rpc_errors_carry_their_code(join):
    alice, bob = await join("alice"), await join("bob")

    @bob.local_participant.register_rpc_method("refuse")
    async def refuse(_call: rtc.RpcInvocationData) -> str:
        raise rtc.RpcError(4711, "no", "because")

    await everyone_sees_everyone(alice, bob)
    with pytest.raises(rtc.RpcError) as refused:
        await alice.local_participant.perform_rpc(destination_identity="bob", method="refuse", payload="")
    assert (refused.value.code, refused.value.message, refused.value.data) == (4711, "no", "because")
    with pytest.raises(rtc.RpcError) as unknown:
        await alice.local_participant.perform_rpc(destination_identity="bob", method="nothing", payload="")
    assert unknown.value.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD
