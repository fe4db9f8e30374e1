// Our own picture and sound: camera and microphone, or generated ones where there are none.
//
// Events: `change` (a track, a choice or a switch is another), `note` (detail: a sentence for the user, may be empty).

import { pictureTrack } from './picture.js';

const CAMERA = { width: { ideal: 1024 }, height: { ideal: 576 }, frameRate: { ideal: 24, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const TONE_HERTZ = 220;
const TONE_GAIN = 0.06;

export class LocalMedia extends EventTarget {
  name = '';
  video = null; // tracks; no video while the camera is off
  audio = null;
  cameraOn = true;
  microphoneOn = true;
  videoKind = 'camera'; // or 'generated'
  audioKind = 'microphone'; // or 'generated'
  #notes = { video: '', audio: '' };

  async start() {
    await Promise.all([this.chooseVideo(this.videoKind), this.chooseAudio(this.audioKind)]);
  }

  async chooseVideo(kind) {
    this.videoKind = kind;
    this.#setVideo(this.cameraOn ? await this.#openVideo() : null);
  }

  async chooseAudio(kind) {
    this.audioKind = kind;
    const track = await this.#openAudio();
    // A tone that nobody asked for would be a rude greeting: it sounds only when it is turned on.
    if (this.audioKind === 'generated') this.microphoneOn = false;
    this.audio?.stop();
    this.audio = track;
    this.setMicrophoneOn(this.microphoneOn);
  }

  // A camera that is off is closed, so that its light goes out.
  async setCameraOn(on) {
    this.cameraOn = on;
    this.#setVideo(on ? await this.#openVideo() : null);
  }

  setMicrophoneOn(on) {
    this.microphoneOn = on;
    if (this.audio) this.audio.enabled = on;
    this.#changed();
  }

  // The generated picture carries the name.
  async rename(name) {
    if (name === this.name) return;
    this.name = name;
    if (this.videoKind === 'generated' && this.cameraOn) this.#setVideo(pictureTrack(name));
  }

  stop() {
    this.video?.stop();
    this.audio?.stop();
    this.video = this.audio = null;
  }

  #setVideo(track) {
    this.video?.stop();
    // The camera may have been turned off while it was being opened.
    if (!this.cameraOn) track?.stop();
    this.video = this.cameraOn ? track : null;
    track?.addEventListener('ended', () => this.setCameraOn(false)); // unplugged; not fired by our own stop()
    this.#changed();
  }

  async #openVideo() {
    if (this.videoKind === 'camera') {
      try {
        const track = await openDevice({ video: CAMERA }, 'camera');
        this.#note('video', '');
        return track;
      } catch (error) {
        this.videoKind = 'generated';
        this.#note('video', `${error.message} A generated picture is shown instead.`);
      }
    }
    return pictureTrack(this.name);
  }

  async #openAudio() {
    if (this.audioKind === 'microphone') {
      try {
        const track = await openDevice({ audio: MICROPHONE }, 'microphone');
        this.#note('audio', '');
        return track;
      } catch (error) {
        this.audioKind = 'generated';
        this.#note('audio', `${error.message} A soft tone takes its place, off until you turn it on.`);
      }
    }
    return toneTrack();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  #note(kind, sentence) {
    this.#notes[kind] = sentence;
    this.dispatchEvent(new CustomEvent('note', { detail: `${this.#notes.video} ${this.#notes.audio}`.trim() }));
  }
}

async function openDevice(constraints, what) {
  if (!navigator.mediaDevices) throw new Error(`Browsers give a ${what} only to pages on https or localhost.`);
  try {
    return (await navigator.mediaDevices.getUserMedia(constraints)).getTracks()[0];
  } catch (error) {
    throw new Error(sentenceFor(error.name, what));
  }
}

function sentenceFor(errorName, what) {
  switch (errorName) {
    case 'NotAllowedError': return `The browser does not let this page use the ${what}.`;
    case 'NotFoundError': return `No ${what} was found.`;
    case 'NotReadableError': return `The ${what} is in use by another program.`;
    default: return `The ${what} cannot be opened (${errorName}).`;
  }
}

// A soft chord, swelling slowly.
function toneTrack() {
  const context = new AudioContext();
  const output = context.createMediaStreamDestination();
  const gain = new GainNode(context, { gain: TONE_GAIN });
  const swell = new GainNode(context, { gain: TONE_GAIN / 2 });
  oscillate(context, 0.4, swell);
  swell.connect(gain.gain);
  for (const ratio of [1, 1.5, 2]) oscillate(context, TONE_HERTZ * ratio, gain);
  gain.connect(output);
  // Browsers start no sound before the user has touched the page.
  addEventListener('click', () => context.resume(), { once: true });
  const track = output.stream.getAudioTracks()[0];
  track.stop = () => {
    MediaStreamTrack.prototype.stop.call(track);
    context.close();
  };
  return track;
}

function oscillate(context, frequency, destination) {
  const oscillator = new OscillatorNode(context, { frequency });
  oscillator.connect(destination);
  oscillator.start();
}
