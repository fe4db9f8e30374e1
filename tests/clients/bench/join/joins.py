"""Joins with the Python SDK. Reads one JSON command a line from standard input, writes one JSON answer a line.

Commands: {"do": "join", "url", "token"} answers the milliseconds to connected; {"do": "meet", "url", "tokens"} the
milliseconds until each of them lists all others; {"do": "stay", "url", "tokens"} joins and stays, answers the number;
{"do": "leave"} ends those who stayed.
"""

import asyncio
import json
import sys
import time

from livekit import rtc

OPTIONS = rtc.RoomOptions(single_peer_connection=True)
#: Joins under way at a time in `stay`, so that the machine is not what is measured.
STAY_AT_ONCE = 4


async def join(url: str, token: str) -> float:
    room = rtc.Room()
    started = time.perf_counter()
    await room.connect(url, token, OPTIONS)
    elapsed = time.perf_counter() - started
    await room.disconnect()
    return elapsed * 1000


async def meet(url: str, tokens: list[str]) -> float:
    rooms = [rtc.Room() for _ in tokens]
    started = time.perf_counter()
    await asyncio.gather(*(room.connect(url, token, OPTIONS) for room, token in zip(rooms, tokens)))
    while any(len(room.remote_participants) < len(tokens) - 1 for room in rooms):
        await asyncio.sleep(0.002)
    elapsed = time.perf_counter() - started
    await asyncio.gather(*(room.disconnect() for room in rooms))
    return elapsed * 1000


async def stay(url: str, tokens: list[str]) -> list[rtc.Room]:
    rooms = []
    gate = asyncio.Semaphore(STAY_AT_ONCE)

    async def enter(token: str) -> None:
        async with gate:
            room = rtc.Room()
            await room.connect(url, token, rtc.RoomOptions(single_peer_connection=True, connect_timeout=20))
            rooms.append(room)

    await asyncio.gather(*(enter(token) for token in tokens))
    return rooms


async def main() -> None:
    staying: list[rtc.Room] = []
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        if command["do"] == "join":
            answer = await join(command["url"], command["token"])
        elif command["do"] == "meet":
            answer = await meet(command["url"], command["tokens"])
        elif command["do"] == "stay":
            staying += await stay(command["url"], command["tokens"])
            answer = len(staying)
        else:
            await asyncio.gather(*(room.disconnect() for room in staying))
            staying.clear()
            answer = 0
        print(json.dumps(answer), flush=True)


asyncio.run(main())
