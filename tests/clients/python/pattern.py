"""A picture of four colours and a tone: content that survives coding and is recognised at the far end."""

import asyncio

import numpy as np
from livekit import rtc

WIDTH, HEIGHT, FPS = 320, 180, 15
SAMPLE_RATE = 48_000
TONE_HZ = 440

#: Colours of the quadrants: top left, top right, bottom left. The bottom right one changes between black and white.
COLOURS = ((220, 30, 30), (30, 200, 30), (30, 30, 220))
COLOUR_TOLERANCE = 45


def picture(bright: bool) -> rtc.VideoFrame:
    pixels = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    top, left = HEIGHT // 2, WIDTH // 2
    pixels[:top, :left, :3], pixels[:top, left:, :3], pixels[top:, :left, :3] = COLOURS
    pixels[top:, left:, :3] = 235 if bright else 20
    return rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, pixels.tobytes())


async def show(source: rtc.VideoSource) -> None:
    """Feeds the pattern until cancelled; the fourth quadrant changes twice a second."""
    frames = (picture(False), picture(True))
    count = 0
    while True:
        source.capture_frame(frames[count // (FPS // 2) % 2])
        count += 1
        await asyncio.sleep(1 / FPS)


async def sound(source: rtc.AudioSource) -> None:
    """Feeds the tone until cancelled."""
    length = SAMPLE_RATE // 100
    position = 0
    while True:
        phase = 2 * np.pi * TONE_HZ * (np.arange(length) + position) / SAMPLE_RATE
        samples = (np.sin(phase) * 12_000).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), SAMPLE_RATE, 1, length))
        position += length


def quadrants(frame: rtc.VideoFrame) -> list[tuple[int, ...]]:
    """The mean colour around the centre of each quadrant, in reading order."""
    rgba = frame.convert(rtc.VideoBufferType.RGBA)
    pixels = np.frombuffer(rgba.data, dtype=np.uint8).reshape(rgba.height, rgba.width, 4)
    h, w = rgba.height, rgba.width
    means = []
    for y in (h // 4, 3 * h // 4):
        for x in (w // 4, 3 * w // 4):
            patch = pixels[y - h // 16:y + h // 16, x - w // 16:x + w // 16, :3]
            means.append(tuple(int(v) for v in patch.reshape(-1, 3).mean(axis=0)))
    return means


def shows_pattern(means: list[tuple[int, ...]]) -> bool:
    return all(
        max(abs(a - b) for a, b in zip(seen, colour)) <= COLOUR_TOLERANCE
        for seen, colour in zip(means, COLOURS)
    )


async def recognise_picture(track: rtc.Track, within: float = 20.0) -> None:
    """Returns once the three colours were seen with the fourth quadrant both dark and bright."""
    stream = rtc.VideoStream(track)
    lights, last = set(), None
    try:
        async with asyncio.timeout(within):
            async for event in stream:
                last = quadrants(event.frame)
                if shows_pattern(last):
                    lights.add(last[3][0] > 128)
                if len(lights) == 2:
                    return
    except TimeoutError:
        raise AssertionError(f"the colour pattern was not recognised; last quadrants {last}, fourth seen {lights}") from None
    finally:
        await stream.aclose()
    raise AssertionError(f"the video ended before the pattern was recognised; last quadrants {last}")


async def recognise_tone(track: rtc.Track, within: float = 20.0) -> None:
    """Returns once a second of sound has its strongest frequency at the tone's."""
    stream = rtc.AudioStream(track, sample_rate=SAMPLE_RATE, num_channels=1)
    window, strongest = np.zeros(0, dtype=np.int16), "none yet,"
    try:
        async with asyncio.timeout(within):
            async for event in stream:
                window = np.concatenate((window, np.frombuffer(event.frame.data, dtype=np.int16)))
                if len(window) < SAMPLE_RATE:
                    continue
                strongest = dominant_frequency(window)
                if strongest is not None and abs(strongest - TONE_HZ) < 5:
                    return
                window = window[SAMPLE_RATE // 2:]
    except TimeoutError:
        raise AssertionError(f"not heard within {within} s; strongest frequency {strongest} Hz, the tone has {TONE_HZ} Hz") from None
    finally:
        await stream.aclose()
    raise AssertionError(f"the sound ended first; strongest frequency {strongest} Hz, the tone has {TONE_HZ} Hz")


async def carries_tone(track: rtc.Track, within: float = 2.5) -> bool:
    """Whether the tone is heard soon: a track that ended gives silence, or no sound at all."""
    try:
        await recognise_tone(track, within)
    except AssertionError:
        return False
    return True


def dominant_frequency(samples: np.ndarray) -> float | None:
    """The strongest frequency, or None for (nearly) silence."""
    if np.abs(samples.astype(np.int32)).max() < 500:
        return None
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(samples))
