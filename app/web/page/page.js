"use strict";
// Pictures are pulled: a request is answered when there is a newer one, so what is shown can never lag further behind.
// Two requests are under way in all, and none while the page is hidden.

const REQUESTS = 2;
const TILES = 2; // cameras that are pulled one by one; of more, one picture of all
const OLD = 2000; // milliseconds after which a picture is marked
const WIDTHS = [160, 240, 320, 480, 640, 960, 1280, 1920]; // those that the server makes
const $ = (selector, parent = document) => parent.querySelector(selector);

function make(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

async function get(url, signal) {
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

// Shows one address, /door/frame.jpg or /mosaic.jpg, on a canvas.
class Puller {
  constructor(url, canvas) {
    this.url = url;
    this.canvas = canvas;
    this.asked = this.shown = 0; // picture that was asked to be beaten, and that is on the canvas
    this.tiles = []; // when the images of its tiles were taken
    this.takenAt = null; // of that picture, on this page's clock
    this.slow = 0; // how many of WIDTHS smaller than it could be
    this.transfer = 0; // milliseconds that a picture is on its way
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
    const wanted = (this.canvas.clientWidth || 320) * (window.devicePixelRatio || 1);
    const fits = WIDTHS.findIndex((width) => width >= wanted);
    return WIDTHS[Math.max(0, (fits < 0 ? WIDTHS.length - 1 : fits) - this.slow)];
  }

  async pull(signal) {
    let first = this.shown === 0;
    while (!signal.aborted) {
      const after = first ? "" : "after=" + (this.asked = Math.max(this.asked + 1, this.shown)) + "&";
      first = false;
      try {
        const answer = await get(`${this.url}?${after}width=${this.width()}`, signal);
        if (answer.status === 200) await this.show(answer, signal);
        else if (answer.status === 204) this.asked = this.shown - 1;
        else await pause(1000, signal);
      } catch (error) {
        if (!signal.aborted) await pause(1000, signal);
      }
    }
  }

  async show(answer, signal) {
    const began = performance.now();
    const number = Number(answer.headers.get("X-Frame"));
    const age = Number(answer.headers.get("X-Age-Ms"));
    const blob = await answer.blob();
    this.adapt(performance.now() - began);
    const image = await createImageBitmap(blob);
    if (signal.aborted || (number <= this.shown && this.shown - number < 16)) { image.close(); return; }
    if (number < this.shown) this.asked = number - 1; // the program was started again
    this.shown = number;
    this.takenAt = began - age;
    this.tiles = (answer.headers.get("X-Ages-Ms") || "").split(",").map((one) => (one === "" ? null : began - Number(one)));
    if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
      this.canvas.width = image.width;
      this.canvas.height = image.height;
    }
    this.canvas.getContext("2d").drawImage(image, 0, 0);
    image.close();
  }

  // A link that needs long for a picture gets smaller ones.
  adapt(milliseconds) {
    this.transfer += (milliseconds - this.transfer) / 4;
    if (this.transfer > 200 && this.slow < WIDTHS.length) { this.slow += 1; this.transfer = 60; }
    else if (this.transfer < 15 && this.slow > 0) { this.slow -= 1; this.transfer = 60; }
  }

  // Of a tile of the picture of all cameras.
  ageOf(tile) { return this.tiles[tile] === undefined || this.tiles[tile] === null ? null : performance.now() - this.tiles[tile]; }

  age() { return this.takenAt === null ? null : performance.now() - this.takenAt; }
}

const cards = new Map(); // by the camera's name: its elements, and its Puller
let overview = null;
let large = null;
let lastEvent = 0;

function say(element, text, bad = null) {
  if (element.textContent !== text) element.textContent = text;
  if (bad !== null) { element.classList.toggle("bad", bad); element.classList.toggle("good", !bad); }
}

function showAge(element, age) {
  say(element, age === null ? "no picture" : `${(age / 1000).toFixed(1)} s old`, age === null || age > OLD);
}

function number(value, digits = 1) { return value === null || value === undefined ? "–" : value.toFixed(digits); }

function counts(found) {
  return Object.entries(found).map(([label, count]) => `${count} ${label}`).join(", ") || "nothing";
}

function card(name) {
  const article = make("article", "camera");
  const title = make("div");
  const age = make("span", "age", "no picture");
  const condition = make("span", "condition");
  title.append(make("h3", "", name), condition, age);
  const button = make("button", "picture");
  button.setAttribute("aria-label", `${name}: show the picture large`);
  button.addEventListener("click", () => openLarge(name));
  const canvas = make("canvas");
  button.append(canvas);
  const figures = make("dl");
  article.append(button, title, figures);
  return { article, button, age, condition, figures, canvas, rows: new Map(), puller: new Puller(`/${name}/frame.jpg`, canvas) };
}

function row(one, key, text) {
  if (!one.rows.has(key)) {
    const value = make("dd");
    one.figures.append(make("dt", "", key), value);
    one.rows.set(key, value);
  }
  say(one.rows.get(key), text);
}

function fill(one, camera) {
  const words = { live: "live", ended: "ended", starting: "starting", silent: "no new pictures", outage: "no picture", failed: "failed" };
  say(one.condition, words[camera.condition], !["live", "ended", "starting"].includes(camera.condition));
  const fps = camera.fps;
  row(one, "Rate", `${number(fps.real)} of ${fps.configured === null ? "any" : number(fps.configured)} FPS` + (camera.live ? `, camera ${number(fps.capture)}` : ""));
  row(one, "Latency", `${number(camera.latency_ms.p50, 0)} ms, 95 % within ${number(camera.latency_ms.p95, 0)} ms`);
  row(one, "Dropped", `${camera.dropped} of ${camera.frames + camera.dropped}`);
  row(one, "Seen now", counts(camera.seen));
  for (const [line, directions] of Object.entries(camera.lines || {})) {
    const parts = Object.entries(directions).map(([direction, found]) => `${direction} ${Object.values(found).reduce((sum, count) => sum + count, 0)}`);
    row(one, `Line ${line}`, parts.join(", "));
  }
  for (const [zone, found] of Object.entries(camera.zones || {})) row(one, `Zone ${zone}`, `${found.inside} inside`);
  if (camera.reason || one.rows.has("Reason")) row(one, "Reason", camera.reason || "–");
}

function showCameras(state) {
  const names = Object.keys(state.cameras);
  const before = [...cards.keys()];
  if (names.join(" ") !== before.join(" ")) {
    for (const one of cards.values()) one.puller.stop();
    cards.clear();
    $("#cameras").replaceChildren();
    for (const name of names) {
      const one = card(name);
      cards.set(name, one);
      $("#cameras").append(one.article);
    }
    const many = names.length > TILES;
    for (const one of cards.values()) one.button.hidden = many;
    $("#mosaic").hidden = !many;
    if (many) layOut(state.mosaic);
    restart();
  }
  for (const [name, camera] of Object.entries(state.cameras)) {
    cards.get(name).tile = state.mosaic.cameras.indexOf(name);
    fill(cards.get(name), camera);
  }
}

// A button over each camera's part of the picture of all.
function layOut(places) {
  const tiles = $("#mosaic .tiles");
  tiles.style.gridTemplateColumns = `repeat(${places.columns}, 1fr)`;
  tiles.style.gridTemplateRows = `repeat(${places.rows}, 1fr)`;
  tiles.replaceChildren(...places.cameras.map((name) => {
    const button = make("button");
    button.setAttribute("aria-label", `${name}: show the picture large`);
    button.addEventListener("click", () => openLarge(name));
    return button;
  }));
}

function describe(event) {
  const what = { appear: "appeared", vanish: "vanished", cross: `crossed ${event.line} (${event.direction})`, enter: `entered ${event.zone}`, leave: `left ${event.zone}`, loiter: `stays in ${event.zone}` }[event.type] || event.type;
  return `${event.label} #${event.track} ${what}` + (event.seconds ? ` after ${event.seconds.toFixed(0)} s` : "");
}

function showEvents(found) {
  if (found.last < lastEvent) $("#events").replaceChildren();
  lastEvent = found.last;
  for (const event of found.events) {
    const item = make("li");
    const image = make("img");
    image.src = event.picture;
    image.alt = `${event.camera}, when it happened`;
    image.loading = "lazy";
    const text = make("p", "", describe(event));
    const when = make("time", "", `${event.camera}, ${new Date(event.time * 1000).toLocaleTimeString()}`);
    when.dateTime = new Date(event.time * 1000).toISOString();
    text.append(when);
    item.append(image, text);
    $("#events").prepend(item);
  }
  while ($("#events").childElementCount > 100) $("#events").lastElementChild.remove();
  $("#no-events").hidden = $("#events").childElementCount > 0;
}

function openLarge(name) {
  $("#large-title").textContent = name;
  $("#large canvas").setAttribute("aria-label", `Live picture of ${name}`);
  large = new Puller(`/${name}/frame.jpg`, $("#large canvas"));
  $("#large").showModal();
  restart();
}

// Two requests in all: for the large picture, for the picture of all cameras, or for one or two cameras.
function restart() {
  for (const one of cards.values()) one.puller.stop();
  if (overview) overview.stop();
  if (large) large.stop();
  if (document.hidden) return;
  if (large) large.start(REQUESTS);
  else if (cards.size > TILES) {
    overview = overview || new Puller("/mosaic.jpg", $("#mosaic canvas"));
    overview.start(REQUESTS);
  } else for (const one of cards.values()) one.puller.start(REQUESTS / cards.size);
}

let polling = false;

async function poll() {
  if (document.hidden || polling) return;
  polling = true;
  try {
    const state = await (await get("/api/state")).json();
    say($("#run"), state.model ? `${state.model} on ${state.backend}` : "");
    const poor = Object.values(state.cameras).filter((camera) => !["live", "ended"].includes(camera.condition)).length;
    say($("#health"), poor ? `${poor} of ${Object.keys(state.cameras).length} cameras deliver no pictures` : "all cameras deliver", poor > 0);
    showCameras(state);
    if (state.last_event !== lastEvent) showEvents(await (await get(`/api/events?since=${lastEvent}`)).json());
  } catch (error) {
    say($("#health"), "the program does not answer", true);
  } finally {
    polling = false;
  }
}

setInterval(() => {
  if (document.hidden) return;
  for (const one of cards.values()) showAge(one.age, cards.size > TILES && overview ? overview.ageOf(one.tile) : one.puller.age());
  if (large) showAge($("#large .age"), large.age());
}, 200);
$("#large").addEventListener("close", () => { if (large) large.stop(); large = null; restart(); });
document.addEventListener("visibilitychange", () => { restart(); poll(); });
poll();
setInterval(poll, 1000);
