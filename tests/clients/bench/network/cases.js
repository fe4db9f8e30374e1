// What is tried on a bad network. The link is good for the first seconds, in which everybody joins.

/** When the trouble of a case begins, in seconds of its link's script, and how long it is measured. */
export const TROUBLE_S = 20;
export const MEASURED_S = 15;
export const OUTAGE_S = 5;

const GOOD = '0s both delay=5ms';
const PICTURE = { drawn: { width: 320, height: 180, frameRate: 15 } };
const LAYERED = {
  // So much detail that each layer needs the bits that it may have.
  drawn: { width: 640, height: 360, frameRate: 15, detail: 300 },
  publish: {
    simulcast: true,
    videoEncoding: { maxBitrate: 800_000, maxFramerate: 15 },
    videoSimulcastLayers: [[160, 90, 80_000, 15], [320, 180, 250_000, 15]],
  },
};
// One layer: Chromium protects no simulcast.
const ALONE = { ...LAYERED, publish: { simulcast: false, videoEncoding: LAYERED.publish.videoEncoding } };
const sound = (red) => ({ publish: { red, dtx: false } });

const trouble = (...lines) => [GOOD, ...lines.map((line) => `${TROUBLE_S}s ${line}`)].join('\n');
const lossy = (name, ...lines) => [
  { name: `${name}, RED`, script: trouble(...lines), audio: sound(true), video: PICTURE },
  { name: `${name}, a publisher without RED`, script: trouble(...lines), audio: { ...sound(true), offersRed: false } },
  { name: `${name}, no RED`, script: trouble(...lines), audio: sound(false) },
];

const FLEXFEC = 'WebRTC-FlexFEC-03/Enabled/WebRTC-FlexFEC-03-Advertised/Enabled/';

/**
 * `up` has the publisher at the far end. `fast` has a second subscriber beside the server; `back` tells how long after the
 * outage the picture comes back.
 */
export const CASES = [
  ...lossy('10 % loss down', 'down loss=10%'),
  ...lossy('20 % loss down', 'down loss=20%'),
  ...lossy('10 % loss down, 100 ms each way', 'both delay=100ms', 'down loss=10%'),
  ...[['', ''], [', FlexFEC', FLEXFEC]].map(([suffix, fieldTrials]) => ({
    name: `8 % loss up, 50 ms each way${suffix}`,
    script: trouble('both delay=50ms', 'up loss=8%'),
    video: ALONE,
    up: true,
    fieldTrials,
  })),
  {
    name: `outage of ${OUTAGE_S} s`,
    script: `${trouble('both loss=100%')}\n${TROUBLE_S + OUTAGE_S}s both loss=0%`,
    video: PICTURE,
    back: true,
  },
  {
    name: '500 kbit/s beside a fast link',
    script: trouble('down rate=500kbit queue=200ms'),
    audio: sound(true),
    video: LAYERED,
    fast: true,
  },
  {
    name: '2 Mbit/s, 300 kbit/s for 10 s, 2 Mbit/s',
    script: [
      `${GOOD} rate=2Mbit queue=200ms`,
      `${TROUBLE_S}s down rate=300kbit`,
      `${TROUBLE_S + 10}s down rate=2Mbit`,
    ].join('\n'),
    audio: sound(true),
    video: LAYERED,
  },
];
