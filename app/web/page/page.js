// The page: its cameras, the last events, and one camera large. Two requests for pictures are under way in all, and none
// while the page is hidden.

import { Card, make, rate, say, seen, showAge, well } from "./camera.js";
import { showEvents } from "./events.js";
import { get, paint, Puller } from "./pull.js";

const REQUESTS = 2;
const SINGLE = 2; // cameras that are pulled one by one; of more, one picture of all, which is cut up here
const $ = (selector) => document.querySelector(selector);
const screenWidth = (canvas) => (canvas.clientWidth || 320) * (window.devicePixelRatio || 1);

let state = null;
let cards = new Map(); // by the camera's name
let pullers = []; // for the cards
let large = null; // the camera that is shown large: its name and puller
let lastEvent = 0;
let polling = false;

// --- pictures

function pullerOf(name, canvas, show) {
  return new Puller(`/${name}/frame.jpg`, () => screenWidth(canvas), show);
}

function makePullers() {
  if (cards.size > SINGLE) {
    const canvas = cards.values().next().value.canvas;
    return [new Puller("/mosaic.jpg", () => screenWidth(canvas) * state.mosaic.columns, cutUp)];
  }
  return [...cards.values()].map((card) => {
    const puller = pullerOf(card.name, card.canvas, (image) => card.paint(image, puller.takenAt));
    return puller;
  });
}

// Of a picture of all cameras each gets its own part, without the bars round it.
function cutUp(image, headers, now) {
  const { columns, rows, cameras } = state.mosaic;
  if (headers.get("X-Cameras") !== cameras.join(",")) return; // others since: the next state tells
  const ages = headers.get("X-Ages-Ms").split(",");
  const [width, height] = [image.width / columns, image.height / rows];
  cameras.forEach((name, place) => {
    const card = cards.get(name);
    if (!card || ages[place] === "") return;
    const [w, h] = (card.camera && card.camera.size) || [width, height];
    const scale = Math.min(width / w, height / h);
    const [left, top] = [(place % columns) * width, Math.floor(place / columns) * height];
    card.paint(image, now - Number(ages[place]), left + (width - w * scale) / 2, top + (height - h * scale) / 2, w * scale, h * scale);
  });
}

function restart() {
  for (const puller of pullers) puller.stop();
  if (large) large.puller.stop();
  if (document.hidden) return;
  if (large) large.puller.start(REQUESTS);
  else for (const puller of pullers) puller.start(REQUESTS / pullers.length);
}

// --- one camera, large

function openLarge(name) {
  const canvas = $("#large canvas");
  if (large) large.puller.stop();
  $("#large-title").textContent = name;
  canvas.setAttribute("aria-label", `Live picture of ${name}`);
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  large = { name, puller: pullerOf(name, canvas, (image) => paint(canvas, image)) };
  if (!$("#large").open) $("#large").showModal();
  tellLarge();
  restart();
}

function tellLarge() {
  const camera = large && state.cameras[large.name];
  if (!camera) return;
  say($("#large .seen"), `${rate(camera.fps)} FPS. Seen now: ${seen(camera)}.`);
  showAge($("#large .age"), large.puller.age(), camera.condition === "ended");
}

function turn(step) {
  const names = [...cards.keys()];
  openLarge(names[(names.indexOf(large.name) + step + names.length) % names.length]);
}

// --- what the program says

function showCameras() {
  const names = Object.keys(state.cameras);
  if (names.join() !== [...cards.keys()].join()) {
    for (const puller of pullers) puller.stop();
    cards = new Map(names.map((name) => [name, new Card(name, openLarge)]));
    $("#cameras").replaceChildren(...[...cards.values()].map((card) => card.element));
    $("#cameras").classList.toggle("many", names.length > SINGLE);
    pullers = makePullers();
    restart();
  }
  const shapes = Object.values(state.cameras).filter((camera) => camera.size).map((camera) => camera.size[0] / camera.size[1]);
  if (shapes.length) $("#cameras").style.setProperty("--shape", Math.min(...shapes));
  for (const [name, camera] of Object.entries(state.cameras)) cards.get(name).fill(camera);
}

function duration(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : `${minutes} min`;
}

function showRun() {
  const cameras = Object.values(state.cameras);
  const good = cameras.filter(well).length;
  const count = `${cameras.length} camera${cameras.length === 1 ? "" : "s"}`;
  say($("#health"), good === cameras.length ? `${count}, all well` : `${cameras.length - good} of ${count} without pictures`, good < cameras.length);
  document.title = good === cameras.length ? "nanoyolo" : `(!) nanoyolo`;
  const viewers = state.viewers.page + state.viewers.stream;
  say($("#run"), `nanoyolo ${state.program}, ${state.model || ""} on ${state.backend || ""}. Running for ${duration(state.uptime_s)}, ${viewers} viewer${viewers === 1 ? "" : "s"}.`);
}

async function poll() {
  if (document.hidden || polling) return;
  polling = true;
  try {
    state = await (await get("/api/state")).json();
    showRun();
    showCameras();
    if (state.last_event !== lastEvent) {
      const found = await (await get(`/api/events?since=${lastEvent}`)).json();
      showEvents(found, found.last < lastEvent); // of a run or a store before this one
      lastEvent = found.last;
    }
  } catch (error) {
    say($("#health"), "the program does not answer", true);
  } finally {
    polling = false;
  }
}

$("#large").addEventListener("close", () => { if (large) large.puller.stop(); large = null; restart(); });
$("#large").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step && large && cards.size > 1) turn(step);
});
document.addEventListener("visibilitychange", () => { restart(); poll(); });
setInterval(() => {
  if (document.hidden) return;
  if (large) tellLarge();
  else for (const card of cards.values()) card.grow();
}, 200);
setInterval(poll, 1000);
poll();
