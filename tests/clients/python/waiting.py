"""Waits that end as soon as the thing is seen."""

import asyncio

PATIENCE_S = 15.0


async def until(expectation: str, probe, within: float = PATIENCE_S):
    """Polls `probe` until it returns something truthy and returns that; the error names the expectation."""
    deadline = asyncio.get_running_loop().time() + within
    seen = None
    while asyncio.get_running_loop().time() < deadline:
        seen = probe()
        if asyncio.iscoroutine(seen):
            seen = await seen
        if seen:
            return seen
        await asyncio.sleep(0.03)
    raise AssertionError(f"not seen within {within} s: {expectation} (last: {seen!r})")


async def next_event(room, name: str, within: float = PATIENCE_S):
    """The arguments of the next event of this name."""
    arrived = asyncio.get_running_loop().create_future()
    room.once(name, lambda *args: arrived.done() or arrived.set_result(args))
    try:
        return await asyncio.wait_for(arrived, within)
    except asyncio.TimeoutError:
        raise AssertionError(f"no event {name} within {within} s") from None
