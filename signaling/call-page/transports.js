// The two peer connections of a participant. The publisher's carries what we send and is offered by us; the
// subscriber's carries what we receive and is offered by the server.

class Transport {
  connection;
  #signal;
  #early = []; // the far end's candidates that came before its description

  constructor(target, iceServers, signal, onFailed) {
    this.#signal = signal;
    this.connection = new RTCPeerConnection({ iceServers });
    this.connection.onicecandidate = ({ candidate }) => {
      if (candidate) this.#signal.send('trickle', { candidateInit: JSON.stringify(candidate), target });
    };
    this.connection.onconnectionstatechange = () => {
      if (this.connection.connectionState === 'failed') onFailed();
    };
  }

  get signal() {
    return this.#signal;
  }

  // A resumed session has another WebSocket and may have other ICE servers.
  resume(signal, iceServers) {
    this.#signal = signal;
    if (iceServers.length > 0) this.connection.setConfiguration({ iceServers });
  }

  async addCandidate(candidate) {
    if (this.connection.remoteDescription) await this.connection.addIceCandidate(candidate);
    else this.#early.push(candidate);
  }

  async setRemote(description) {
    await this.connection.setRemoteDescription(description);
    for (const candidate of this.#early.splice(0)) await this.connection.addIceCandidate(candidate);
  }

  close() {
    this.connection.close();
  }
}

export class Publisher extends Transport {
  reliable;
  #offerId = 0;
  #answered = true;
  #again = false; // an offer is wanted while another awaits its answer

  constructor(iceServers, signal, onFailed) {
    super('PUBLISHER', iceServers, signal, onFailed);
    this.reliable = this.connection.createDataChannel('_reliable', { ordered: true });
    this.reliable.binaryType = 'arraybuffer';
    // A server looks for both channels by label; the page itself sends nothing lossy.
    this.connection.createDataChannel('_lossy', { ordered: false, maxRetransmits: 0 });
  }

  async negotiate({ iceRestart = false } = {}) {
    // The answer to an offer from before an ICE restart may be lost with the old WebSocket: do not wait for it.
    if (!this.#answered && !iceRestart) {
      this.#again = true;
      return;
    }
    this.#answered = false;
    const id = ++this.#offerId;
    await this.connection.setLocalDescription(await this.connection.createOffer({ iceRestart }));
    const { type, sdp } = this.connection.localDescription;
    this.signal.send('offer', { type, sdp, id });
  }

  async handleAnswer({ type, sdp, id = 0 }) {
    if (id !== 0 && id !== this.#offerId) return;
    await this.setRemote({ type, sdp });
    this.#answered = true;
    if (!this.#again) return;
    this.#again = false;
    await this.negotiate();
  }
}

export class Subscriber extends Transport {
  constructor(iceServers, signal, onFailed, { onTrack, onChannel }) {
    super('SUBSCRIBER', iceServers, signal, onFailed);
    this.connection.ontrack = onTrack;
    this.connection.ondatachannel = ({ channel }) => onChannel(channel);
  }

  async handleOffer({ type, sdp, id = 0 }) {
    await this.setRemote({ type, sdp });
    await this.connection.setLocalDescription();
    const answer = this.connection.localDescription;
    this.signal.send('answer', { type: answer.type, sdp: answer.sdp, id });
  }
}
