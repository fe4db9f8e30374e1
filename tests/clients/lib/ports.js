// Ports that are free at this moment, asked of the kernel, and addresses of this machine.
import dgram from 'node:dgram';
import net from 'node:net';
import os from 'node:os';

const LOOPBACK = '127.0.0.1';

export function freeTcpPort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, LOOPBACK, () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export function freeUdpPort() {
  return new Promise((resolve, reject) => {
    const probe = dgram.createSocket('udp4');
    probe.once('error', reject);
    probe.bind(0, LOOPBACK, () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** The first of two neighbouring UDP ports that are both free. */
export async function freeUdpPair() {
  for (;;) {
    const first = await freeUdpPort();
    if (first < 65_535 && await isFree(first + 1)) return first;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = dgram.createSocket('udp4');
    probe.once('error', () => resolve(false));
    probe.bind(port, LOOPBACK, () => probe.close(() => resolve(true)));
  });
}

/** An IPv4 address of this machine that is not loopback; loopback where there is no other. */
export function outsideAddress() {
  const addresses = Object.values(os.networkInterfaces()).flat();
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? LOOPBACK;
}
