// The card of one camera: its picture, how it is, and what was found.

import { paint } from "./pull.js";

const OLD = 2000; // milliseconds after which a picture is marked
const WORDS = { live: "live", ended: "ended", starting: "starting", silent: "no new pictures", outage: "no picture", failed: "failed" };
const WELL = ["live", "ended", "starting"];

export const well = (camera) => WELL.includes(camera.condition);

export function make(name, className = "", ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

export function say(element, text, bad = null) {
  if (element.textContent !== text) element.textContent = text;
  if (bad !== null) { element.classList.toggle("bad", bad); element.classList.toggle("good", !bad); }
}

// age: in milliseconds, null where there is no picture. Says whether it is too old for a live one.
export function showAge(element, age, ended = false) {
  const old = !ended && (age === null || age > OLD);
  const seconds = age / 1000;
  say(element, age === null ? "" : ended ? "the last picture" : seconds < 100 ? `${seconds.toFixed(1)} s old` : `${(seconds / 60).toFixed(0)} min old`, old);
  return old;
}

const number = (value, digits = 1) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
const listed = (counts) => Object.entries(counts).map(([label, count]) => `${count} × ${label}`);

export const rate = (fps) => `${number(fps.real)} of ${fps.configured === null ? "any" : Number(fps.configured.toFixed(1))}`;
export const seen = (camera) => listed(camera.seen).join(", ") || "nothing";

export class Card {
  // open: called when the picture is clicked.
  constructor(name, open) {
    this.name = name;
    this.camera = null; // as /api/state has it
    this.takenAt = null; // when the picture was captured, on this page's clock
    this.canvas = make("canvas");
    this.age = make("span", "age");
    this.condition = make("span", "condition");
    this.figures = make("dl");
    this.rows = new Map();
    const button = make("button", "picture", this.canvas);
    button.setAttribute("aria-label", `${name}: show the picture large`);
    button.addEventListener("click", () => open(name));
    this.element = make("article", "camera", button, make("div", "title", make("h3", "", name), this.condition, this.age), this.figures);
  }

  paint(image, takenAt, ...part) {
    this.takenAt = takenAt;
    paint(this.canvas, image, ...part);
  }

  fill(camera) {
    this.camera = camera;
    say(this.condition, WORDS[camera.condition], !well(camera));
    this.row("FPS", "", rate(camera.fps));
    if (camera.live) this.row("Camera", "", `${number(camera.fps.capture)} FPS`);
    this.row("Latency", "", `${number(camera.latency_ms.p50, 0)} ms`, `p95 ${number(camera.latency_ms.p95, 0)}`);
    this.row("Dropped", "", `${camera.dropped}`, `of ${camera.frames + camera.dropped}`);
    this.row("Seen now", "wide chips", ...(listed(camera.seen).length ? listed(camera.seen) : ["nothing"]));
    for (const [line, directions] of Object.entries(camera.lines || {})) {
      this.row(`Line ${line}`, "wide chips", ...Object.entries(directions).map(([direction, found]) => `${direction} ${sum(found)}`));
    }
    for (const [zone, found] of Object.entries(camera.zones || {})) {
      this.row(`Zone ${zone}`, "wide chips", `${found.inside} inside`, `${sum(found.entered)} entered`);
    }
    const reason = this.rows.get("Reason");
    if (camera.reason) this.row("Reason", "wide", camera.reason);
    else if (reason) { reason.parentElement.remove(); this.rows.delete("Reason"); }
  }

  row(key, kind, ...parts) {
    if (!this.rows.has(key)) {
      const value = make("dd");
      this.figures.append(make("div", kind, make("dt", "", key), value));
      this.rows.set(key, value);
    }
    const value = this.rows.get(key);
    if (value.dataset.said === parts.join("\n")) return;
    value.dataset.said = parts.join("\n");
    value.replaceChildren(...parts.flatMap((part) => [make("span", "", part), " "]));
  }

  // Marks a picture that is not live: nobody should take it for what is there now.
  grow() {
    if (!this.camera) return;
    const ended = this.camera.condition === "ended";
    const old = showAge(this.age, this.takenAt === null ? null : performance.now() - this.takenAt, ended);
    const early = this.takenAt === null && this.camera.condition === "starting";
    this.element.classList.toggle("stale", (old && !early) || !well(this.camera));
  }
}
