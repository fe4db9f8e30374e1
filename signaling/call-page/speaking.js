// Who is speaking, heard from the audio itself.

const INTERVAL_MS = 100;
const THRESHOLD = 0.015; // root mean square of samples between -1 and 1
const HOLD_MS = 500; // so that the ring does not flicker between words

export class Speaking {
  #onChange;
  #context = new AudioContext();
  #voices = new Map(); // sid -> { track, source, analyser, lastHeard, speaking }
  #samples = new Float32Array(512);
  #timer = setInterval(() => this.#listen(), INTERVAL_MS);

  constructor(onChange) {
    this.#onChange = onChange;
  }

  // `voices` lists [sid, audio track] of everyone whose microphone is on.
  watch(voices) {
    const tracks = new Map(voices);
    for (const [sid, voice] of this.#voices) {
      if (tracks.get(sid) === voice.track) tracks.delete(sid);
      else this.#forget(sid, voice);
    }
    for (const [sid, track] of tracks) {
      const source = this.#context.createMediaStreamSource(new MediaStream([track]));
      const analyser = new AnalyserNode(this.#context, { fftSize: this.#samples.length });
      source.connect(analyser);
      this.#voices.set(sid, { track, source, analyser, lastHeard: -Infinity, speaking: false });
    }
  }

  close() {
    clearInterval(this.#timer);
    this.#context.close();
  }

  #listen() {
    const now = performance.now();
    for (const [sid, voice] of this.#voices) {
      voice.analyser.getFloatTimeDomainData(this.#samples);
      const energy = this.#samples.reduce((sum, sample) => sum + sample * sample, 0);
      if (Math.sqrt(energy / this.#samples.length) > THRESHOLD) voice.lastHeard = now;
      const speaking = now - voice.lastHeard < HOLD_MS;
      if (speaking !== voice.speaking) this.#onChange(sid, speaking);
      voice.speaking = speaking;
    }
  }

  #forget(sid, voice) {
    voice.source.disconnect();
    this.#voices.delete(sid);
    this.#onChange(sid, false);
  }
}
