// A picture for those without a camera: slow waves in the colour of the name, and a clock that shows by how much
// the picture lags behind.

import { hueOf } from './dom.js';

const WIDTH = 1024;
const HEIGHT = 576;
const WAVES = 5;

// Returns a video track. The drawing ends with the track.
export function pictureTrack(name) {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d', { alpha: false });
  const hue = hueOf(name);
  draw(context, hue, name);
  const track = canvas.captureStream().getVideoTracks()[0];
  const ticker = new Worker('/call/ticker.js');
  ticker.onmessage = () => {
    if (track.readyState === 'ended') ticker.terminate();
    else draw(context, hue, name);
  };
  return track;
}

function draw(context, hue, name) {
  const now = new Date();
  const seconds = now.getTime() / 1000;
  const sky = context.createLinearGradient(0, 0, 0, HEIGHT);
  sky.addColorStop(0, `hsl(${hue} 35% 11%)`);
  sky.addColorStop(1, `hsl(${hue} 45% 24%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  for (let wave = 0; wave < WAVES; wave++) drawWave(context, hue, wave, seconds);
  context.textAlign = 'center';
  context.fillStyle = 'rgb(255 255 255 / 88%)';
  context.font = '600 54px system-ui, sans-serif';
  context.fillText(name, WIDTH / 2, 215, WIDTH - 120);
  context.fillStyle = 'rgb(255 255 255 / 60%)';
  context.font = '30px ui-monospace, monospace';
  context.fillText(`${now.toTimeString().slice(0, 8)}.${Math.floor(now.getMilliseconds() / 100)}`, WIDTH / 2, 268);
}

function drawWave(context, hue, wave, seconds) {
  const depth = wave / (WAVES - 1);
  const level = HEIGHT * (0.56 + 0.09 * wave);
  context.fillStyle = `hsl(${(hue + wave * 7) % 360} 52% ${44 - 20 * depth}% / 55%)`;
  context.beginPath();
  context.moveTo(0, HEIGHT);
  for (let x = 0; x <= WIDTH; x += 16) {
    const swell = Math.sin(x / (190 + 30 * wave) + seconds * (0.9 - 0.12 * wave) + wave * 1.7) * (26 - 3 * wave);
    const ripple = Math.sin(x / 61 + seconds * 1.6 + wave * 4) * 5;
    context.lineTo(x, level + swell + ripple);
  }
  context.lineTo(WIDTH, HEIGHT);
  context.fill();
}
