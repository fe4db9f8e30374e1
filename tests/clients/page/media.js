// Publishing from fake devices, and what getStats says of it.
import { LocalAudioTrack, LocalVideoTrack, Track, VideoPreset } from '/livekit-client.mjs';

/** The figures of getStats that tests look at: a failure prints them all. */
const RECEIVED = [
  'packetsReceived', 'packetsLost', 'bytesReceived', 'framesReceived', 'framesDecoded', 'keyFramesDecoded',
  'frameWidth', 'frameHeight', 'totalAudioEnergy', 'audioLevel', 'nackCount', 'pliCount',
  'totalSamplesReceived', 'concealedSamples', 'freezeCount', 'totalFreezesDuration',
];
const SENT = ['rid', 'active', 'packetsSent', 'framesEncoded', 'frameWidth', 'frameHeight', 'nackCount', 'pliCount'];
const REPORTED = ['packetsLost', 'roundTripTime', 'jitter'];

const SMALL = { width: 320, height: 180, frameRate: 15 };

/**
 * Shows the fake camera here for as long as the page lives, so that it runs: Chromium suspends a device that nobody looks
 * at, and then it may give no frames to any page.
 */
export async function keepCameraRunning() {
  const element = Object.assign(document.createElement('video'), { muted: true });
  document.body.append(element);
  element.srcObject = await navigator.mediaDevices.getUserMedia({ video: SMALL });
  const frame = new Promise((resolve) => element.requestVideoFrameCallback(resolve));
  await element.play();
  await frame;
}

export const operations = {
  /**
   * Publishes the picture of the fake camera, or one of the size `drawn` that is drawn here; returns its track sid.
   * `publish` is livekit-client's TrackPublishOptions.
   */
  async publishVideo(client, { codec = 'vp8', source = Track.Source.Camera, publish = {}, drawn } = {}) {
    const track = new LocalVideoTrack(drawn ? drawing(drawn) : await cameraTrack(), undefined, false);
    return announce(client, track, {
      source,
      videoCodec: codec,
      simulcast: false,
      backupCodec: false,
      ...layered(publish),
    });
  },

  /** Publishes a sound; returns its track sid. Not `offersRed` is as browsers are that know no RED. */
  async publishAudio(client, { source = Track.Source.Microphone, publish = {}, offersRed = true } = {}) {
    if (!offersRed) offerNoRed();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const track = new LocalAudioTrack(stream.getAudioTracks()[0], undefined, false);
    return announce(client, track, { source, ...publish });
  },

  async unpublish({ room, sources }, source) {
    await room.localParticipant.unpublishTrack(sources.get(source));
    sources.delete(source);
  },

  async setMuted({ room }, source, muted) {
    const publication = room.localParticipant.getTrackPublication(source);
    await (muted ? publication.mute() : publication.unmute());
  },

  /** The inbound-rtp figures of a subscribed track of `identity`, with its codec; null while there is no such track. */
  async received({ room }, identity, source) {
    const track = room.remoteParticipants.get(identity)?.getTrackPublication(source)?.track;
    if (!track?.receiver) return null;
    play(track);
    const report = await track.receiver.getStats();
    const inbound = [...report.values()].find((entry) => entry.type === 'inbound-rtp');
    if (!inbound) return null;
    return { ...pick(inbound, RECEIVED), codec: report.get(inbound.codecId)?.mimeType };
  },

  /** When pictures of a track were shown in the next milliseconds, in milliseconds since 1970. */
  async shownAt({ room }, identity, source, milliseconds) {
    const { track } = room.remoteParticipants.get(identity).getTrackPublication(source);
    play(track);
    const [element] = track.attachedElements;
    const times = [];
    let watching = true;
    const note = () => {
      times.push(performance.timeOrigin + performance.now());
      if (watching) element.requestVideoFrameCallback(note);
    };
    element.requestVideoFrameCallback(note);
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    watching = false;
    return times;
  },

  /** The outbound-rtp figures of an own track, one per layer, each with what the far end reports of it. */
  async sent({ room }, source) {
    const sender = room.localParticipant.getTrackPublication(source)?.track?.sender;
    if (!sender) return [];
    const report = await sender.getStats();
    return [...report.values()]
      .filter((entry) => entry.type === 'outbound-rtp')
      .map((entry) => ({
        ...pick(entry, SENT),
        codec: report.get(entry.codecId)?.mimeType,
        remote: pick(report.get(entry.remoteId), REPORTED),
      }));
  },

  /** The selected candidate pair's figures of every peer connection. */
  async transports({ room }) {
    const { publisher, subscriber } = room.engine.pcManager;
    const found = [];
    for (const transport of [publisher, subscriber].filter(Boolean)) {
      const report = await transport.getStats();
      for (const entry of report.values()) {
        if (entry.type !== 'transport' || !entry.selectedCandidatePairId) continue;
        const pair = report.get(entry.selectedCandidatePairId);
        const remote = report.get(pair.remoteCandidateId);
        found.push({
          dtlsState: entry.dtlsState,
          srtpCipher: entry.srtpCipher,
          protocol: remote?.protocol,
          remotePort: remote?.port,
          bytesReceived: pair.bytesReceived,
        });
      }
    }
    return found;
  },
};

function pick(entry, names) {
  return entry && Object.fromEntries(names.filter((name) => name in entry).map((name) => [name, entry[name]]));
}

async function announce({ room, sources }, track, options) {
  const publication = await room.localParticipant.publishTrack(track, options);
  sources.set(publication.source, track);
  return publication.trackSid;
}

async function cameraTrack() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: SMALL });
  return stream.getVideoTracks()[0];
}

/** A moving picture of exactly this size, as a track; `detail` is how many small blocks change in each frame, which costs bits. */
function drawing({ width, height, frameRate, detail = 0 }) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d');
  let step = 0;
  const timer = setInterval(() => {
    step += 1;
    context.fillStyle = `hsl(${step * 7 % 360} 80% 50%)`;
    context.fillRect(0, 0, width, height);
    context.fillStyle = 'white';
    context.fillRect(step * 11 % width, height / 4, width / 8, height / 2);
    for (let block = 0; block < detail; block += 1) {
      context.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
      context.fillRect(Math.random() * width, Math.random() * height, width / 40, height / 40);
    }
  }, 1000 / frameRate);
  const [track] = canvas.captureStream(frameRate).getVideoTracks();
  const stop = track.stop.bind(track);
  track.stop = () => {
    clearInterval(timer);
    stop();
  };
  return track;
}

/** Has connections of this page offer audio in every codec but RED. */
function offerNoRed() {
  const { addTransceiver } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.addTransceiver = function add(...given) {
    const transceiver = addTransceiver.apply(this, given);
    if (transceiver.receiver.track.kind === 'audio') {
      const { codecs } = RTCRtpReceiver.getCapabilities('audio');
      transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType !== 'audio/red'));
    }
    return transceiver;
  };
}

/** Turns the JSON form of simulcast layers into livekit-client's presets. */
function layered({ videoSimulcastLayers, ...publish }) {
  if (!videoSimulcastLayers) return publish;
  const presets = videoSimulcastLayers.map(([width, height, bitrate, fps]) => new VideoPreset(width, height, bitrate, fps));
  return { ...publish, videoSimulcastLayers: presets };
}

/** Browsers decode sound only for a track that plays. */
function play(track) {
  if (track.attachedElements.length === 0) document.body.append(track.attach());
}

export function release({ sources }) {
  for (const track of sources.values()) track.stop();
  sources.clear();
  document.querySelectorAll('video, audio').forEach((element) => element.remove());
}
