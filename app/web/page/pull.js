// Pictures are pulled: a request is answered when there is a newer one, so what is shown can never lag further behind.

const WIDTHS = [160, 240, 320, 480, 640, 960, 1280, 1920]; // those that the server makes
const SLOW = 200; // milliseconds on the way, from which on smaller pictures are asked for
const FAST = 15; // and larger ones again
const RESTART = 16; // a number so far behind is that of a program that was started again

export async function get(url, signal) {
  const answer = await fetch(url, { signal, cache: "no-store" });
  if (answer.status === 401) { location.reload(); throw new Error("login"); }
  return answer;
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

export function paint(canvas, image, x = 0, y = 0, width = image.width, height = image.height) {
  if (canvas.width !== Math.round(width) || canvas.height !== Math.round(height)) {
    canvas.width = Math.round(width);
    canvas.height = Math.round(height);
  }
  canvas.getContext("2d").drawImage(image, x, y, width, height, 0, 0, canvas.width, canvas.height);
}

// Shows one address, /door/frame.jpg or /mosaic.jpg.
export class Puller {
  // width: of the picture in pixels of the screen. show: called with each newer picture and the headers of its answer.
  constructor(url, width, show) {
    this.url = url;
    this.wanted = width;
    this.show = show;
    this.asked = this.shown = 0; // picture that was asked to be beaten, and that is shown
    this.takenAt = null; // when the picture that is shown was captured, on this page's clock
    this.slow = 0; // how many of WIDTHS smaller than it could be
    this.transfer = 60; // milliseconds that a picture is on its way
    this.abort = null;
  }

  start(requests) {
    this.stop();
    this.abort = new AbortController();
    this.asked = this.shown - 1;
    for (let number = 0; number < requests; number += 1) this.pull(this.abort.signal);
  }

  stop() {
    if (this.abort) this.abort.abort();
    this.abort = null;
  }

  width() {
    const fits = WIDTHS.findIndex((width) => width >= this.wanted());
    return WIDTHS[Math.max(0, (fits < 0 ? WIDTHS.length - 1 : fits) - this.slow)];
  }

  async pull(signal) {
    let first = this.shown === 0;
    while (!signal.aborted) {
      const after = first ? "" : `after=${this.asked = Math.max(this.asked + 1, this.shown)}&`;
      first = false;
      try {
        const answer = await get(`${this.url}?${after}width=${this.width()}`, signal);
        if (answer.status === 200) await this.take(answer, signal);
        else if (answer.status === 204) this.asked = this.shown - 1;
        else await pause(1000, signal);
      } catch (error) {
        if (!signal.aborted) await pause(1000, signal);
      }
    }
  }

  async take(answer, signal) {
    const began = performance.now();
    const number = Number(answer.headers.get("X-Frame"));
    const image = await createImageBitmap(await this.load(answer, began));
    const behind = this.shown - number;
    if (!signal.aborted && (behind < 0 || behind >= RESTART)) {
      if (behind >= RESTART) this.asked = number - 1;
      this.shown = number;
      this.takenAt = began - Number(answer.headers.get("X-Age-Ms"));
      this.show(image, answer.headers, began);
    }
    image.close();
  }

  // A link that needs long for a picture gets smaller ones.
  async load(answer, began) {
    const blob = await answer.blob();
    this.transfer += (performance.now() - began - this.transfer) / 4;
    if (this.transfer > SLOW && this.slow < WIDTHS.length) { this.slow += 1; this.transfer = 60; }
    else if (this.transfer < FAST && this.slow > 0) { this.slow -= 1; this.transfer = 60; }
    return blob;
  }

  age() { return this.takenAt === null ? null : performance.now() - this.takenAt; }
}
