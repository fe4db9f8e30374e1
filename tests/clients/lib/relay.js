// A UDP path between a client and the server that can change the client's address, as a network change or a NAT does,
// and lose what the server sends.
import dgram from 'node:dgram';

const LOOPBACK = '127.0.0.1';

/** Relays datagrams to `serverPort`; every client address has an upstream socket of its own. */
export class Relay {
  #serverPort;
  #front = dgram.createSocket('udp4');
  #upstreams = new Map();
  /** Whether datagrams pass. */
  open = true;
  /** Which share of what the server sends is lost: evenly, so that each run is like the other. */
  loss = 0;
  #owed = 0;

  constructor(serverPort) {
    this.#serverPort = serverPort;
  }

  async start() {
    this.#front.on('message', (datagram, { port }) => {
      if (this.open) this.#upstream(port).send(datagram, this.#serverPort, LOOPBACK);
    });
    await new Promise((resolve) => this.#front.bind(0, LOOPBACK, resolve));
    this.port = this.#front.address().port;
    return this;
  }

  #upstream(clientPort) {
    const known = this.#upstreams.get(clientPort);
    if (known) return known;
    const socket = dgram.createSocket('udp4');
    socket.on('message', (datagram) => this.#delivers() && this.#front.send(datagram, clientPort, LOOPBACK));
    socket.on('error', () => {});
    this.#upstreams.set(clientPort, socket);
    return socket;
  }

  /** Whether the next datagram of the server's arrives. */
  #delivers() {
    this.#owed += this.loss;
    const lost = this.#owed >= 1;
    this.#owed -= lost ? 1 : 0;
    return this.open && !lost;
  }

  /** From now on the server sees every client at a new address, and nothing arrives that it sends to the old one. */
  changeAddresses() {
    for (const socket of this.#upstreams.values()) socket.close();
    this.#upstreams.clear();
  }

  close() {
    this.changeAddresses();
    this.#front.close();
  }
}

/**
 * Makes the page's peer connections reach the server's UDP port `from` through `to`, and nothing over TCP unless the
 * server tells of nothing else.
 */
export function divert(page, from, to) {
  return page.evaluate(([serverPort, relayPort]) => {
    const rewrite = (text) => text
      .split('\r\n')
      .filter((line) => !/candidate:.* tcp /i.test(line) || !/candidate:.* udp /i.test(text))
      .map((line) => (/candidate:.* udp /i.test(line) ? line.replace(` ${serverPort} typ`, ` ${relayPort} typ`) : line))
      .join('\r\n');
    const { setRemoteDescription, addIceCandidate } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.setRemoteDescription = function (description) {
      return setRemoteDescription.call(this, { type: description.type, sdp: rewrite(description.sdp) });
    };
    RTCPeerConnection.prototype.addIceCandidate = function (candidate) {
      const text = / udp /i.test(candidate?.candidate) ? rewrite(candidate.candidate) : '';
      return text ? addIceCandidate.call(this, { ...candidate, candidate: text }) : Promise.resolve();
    };
  }, [from, to]);
}
