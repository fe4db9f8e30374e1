// A worker that ticks. Timers and animation frames of a page in the background are held back; a worker's are not, and
// a generated picture must move on in the tab that is not looked at.

setInterval(() => postMessage(null), 1000 / 20);
