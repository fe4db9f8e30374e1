// One of our own tracks in the room: how it is announced and how it is encoded.

// Simulcast: the same picture three times, so that the server can forward to each subscriber what fits.
const LAYERS = [
  { rid: 'q', quality: 'LOW', scale: 4, bitrate: 150_000 },
  { rid: 'h', quality: 'MEDIUM', scale: 2, bitrate: 450_000 },
  { rid: 'f', quality: 'HIGH', scale: 1, bitrate: 1_500_000 },
];
const AUDIO_BITRATE = 48_000;

export class Publication {
  source;
  muted;
  info = null; // the server's TrackInfo, once it accepted the track
  #track;
  #kind;
  #cid;
  #sender = null;

  constructor(source, track, muted) {
    this.source = source;
    this.muted = muted;
    this.#track = track;
    this.#kind = track.kind;
  }

  get track() {
    return this.#track;
  }

  // The server finds the media of a request by this id in the SDP, where it stays when the track is replaced.
  get cid() {
    return this.#cid;
  }

  // The AddTrackRequest.
  request() {
    this.#cid = this.#track.id;
    const { cid, source, muted } = this;
    if (this.#track.kind === 'audio') {
      // Plain Opus: redundant audio (RED) would double the figures that the page shows.
      return { cid, source, muted, type: 'AUDIO', name: 'microphone', disableRed: true };
    }
    const { width, height } = this.#size();
    const layers = LAYERS.map(({ quality, scale, bitrate }) => ({
      quality, bitrate, width: Math.round(width / scale), height: Math.round(height / scale),
    }));
    return { cid, source, muted, type: 'VIDEO', name: 'camera', width, height, layers, simulcastCodecs: [{ codec: 'vp8', cid }] };
  }

  sendOver(connection) {
    // The track may have been taken away while the server was asked: then only its place is made.
    const video = this.#kind === 'video';
    const sendEncodings = video
      ? LAYERS.map(({ rid, scale, bitrate }) => ({ rid, scaleResolutionDownBy: scale, maxBitrate: bitrate }))
      : [{ maxBitrate: AUDIO_BITRATE }];
    const transceiver = connection.addTransceiver(this.#track ?? this.#kind, { direction: 'sendonly', sendEncodings });
    if (video) preferVp8(transceiver);
    this.#sender = transceiver.sender;
  }

  // Null keeps the place in the session and sends nothing: a camera that is off.
  async replace(track) {
    this.#track = track;
    await this.#sender?.replaceTrack(track);
  }

  #size() {
    const { width = 1024, height = 576 } = this.#track.getSettings();
    return { width, height };
  }
}

// VP8 is what every browser encodes in several layers.
function preferVp8(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  const isVp8 = ({ mimeType }) => mimeType.toLowerCase() === 'video/vp8';
  transceiver.setCodecPreferences([...codecs.filter(isVp8), ...codecs.filter((codec) => !isVp8(codec))]);
}
