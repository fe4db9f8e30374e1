// Figures of the connection, from the statistics of both peer connections. Rates and losses are those of the time
// since the sample before.

export class Stats {
  #before = new Map(); // statistics id -> its last report

  // Returns { roundTripMs, path, upload, download, lossUp, lossDown, sending, receiving }: rates in bit/s, losses
  // as fractions, and one row per stream.
  async sample({ publisher, subscriber, signalRoundTripMs }) {
    const [sent, received] = await Promise.all([publisher.getStats(), subscriber.getStats()]);
    const sending = [...sent.values()].filter(({ type }) => type === 'outbound-rtp').map((report) => this.#sentRow(report, sent));
    const receiving = [...received.values()].filter(({ type }) => type === 'inbound-rtp').map((report) => this.#receivedRow(report, received));
    const pair = selectedPair(sent) ?? selectedPair(received);
    this.#before = new Map([...sent, ...received]);
    return {
      roundTripMs: pair?.currentRoundTripTime === undefined ? signalRoundTripMs : pair.currentRoundTripTime * 1000,
      path: pathOf(pair, selectedPair(sent) ? sent : received),
      upload: total(sending, 'rate'),
      download: total(receiving, 'rate'),
      lossUp: Math.max(0, ...sending.map(({ loss }) => loss)),
      lossDown: total(receiving, 'lost') / Math.max(1, total(receiving, 'lost') + total(receiving, 'packets')),
      sending: sending.filter(({ active }) => active).sort((a, b) => a.width - b.width),
      receiving,
    };
  }

  #sentRow(report, all) {
    const remote = [...all.values()].find(({ type, localId }) => type === 'remote-inbound-rtp' && localId === report.id);
    return {
      ...pictureOf(report, all),
      layer: report.rid,
      rate: this.#perSecond(report, 'bytesSent') * 8,
      loss: remote?.fractionLost ?? 0,
      active: report.active !== false,
      limit: report.qualityLimitationReason,
    };
  }

  #receivedRow(report, all) {
    return {
      ...pictureOf(report, all),
      trackId: report.trackIdentifier,
      rate: this.#perSecond(report, 'bytesReceived') * 8,
      lost: Math.max(0, this.#since(report, 'packetsLost')),
      packets: this.#since(report, 'packetsReceived'),
      jitterMs: (report.jitter ?? 0) * 1000,
    };
  }

  #since(report, field) {
    return (report[field] ?? 0) - (this.#before.get(report.id)?.[field] ?? 0);
  }

  #perSecond(report, field) {
    const before = this.#before.get(report.id);
    return before ? (this.#since(report, field) * 1000) / Math.max(1, report.timestamp - before.timestamp) : 0;
  }
}

function pictureOf(report, all) {
  return {
    kind: report.kind,
    codec: all.get(report.codecId)?.mimeType.split('/')[1] ?? '',
    width: report.frameWidth ?? 0,
    size: report.frameWidth ? `${report.frameWidth}×${report.frameHeight}` : '',
    framesPerSecond: report.framesPerSecond,
  };
}

function selectedPair(reports) {
  return [...reports.values()].find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
}

function pathOf(pair, reports) {
  const far = pair && reports.get(pair.remoteCandidateId);
  if (!far) return '';
  const host = far.address?.includes(':') ? `[${far.address}]` : far.address;
  return `${far.protocol.toUpperCase()}${host ? ` to ${host}:${far.port}` : ''}`;
}

function total(rows, field) {
  return rows.reduce((sum, row) => sum + row[field], 0);
}
