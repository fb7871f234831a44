"use strict";
// Draws lines, zones and masks on a picture of a camera, and writes them as the file of --config has them.

const LEAST = { line: 2, zone: 3, mask: 3 }; // corners
const COLOURS = { line: "#ffd700", zone: "#00c8c8", mask: "#c0c0c0" };
const $ = (selector) => document.querySelector(selector);
const canvas = $("#picture");
let picture = null;
let corners = []; // of the one that is being drawn, in shares of the picture
let finished = []; // { kind, name, corners }

function text(place) {
  return `${place.name}:` + place.corners.map(([x, y]) => `${(100 * x).toFixed(1)}%,${(100 * y).toFixed(1)}%`).join("-");
}

function draw() {
  const pen = canvas.getContext("2d");
  if (picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  for (const place of [...finished, { kind: $("#kind").value, name: "", corners, open: true }]) {
    pen.strokeStyle = pen.fillStyle = COLOURS[place.kind];
    pen.lineWidth = Math.max(2, canvas.width / 300);
    pen.beginPath();
    place.corners.forEach(([x, y], index) => pen[index ? "lineTo" : "moveTo"](x * canvas.width, y * canvas.height));
    if (!place.open && place.kind !== "line") pen.closePath();
    pen.stroke();
    pen.font = `${pen.lineWidth * 7}px sans-serif`;
    if (place.name) pen.fillText(place.name, place.corners[0][0] * canvas.width + pen.lineWidth * 3, place.corners[0][1] * canvas.height - pen.lineWidth * 3);
    for (const [x, y] of place.corners) { pen.beginPath(); pen.arc(x * canvas.width, y * canvas.height, pen.lineWidth * 2, 0, 7); pen.fill(); }
  }
  $("#corners").textContent = corners.length ? `${corners.length} corners: ${text({ name: "", corners }).slice(1)}` : "No corners yet.";
  const lines = [`[camera.${$("#camera").value}]`];
  for (const kind of Object.keys(LEAST)) {
    const texts = finished.filter((place) => place.kind === kind).map((place) => `"${text(place)}"`);
    if (texts.length) lines.push(`${kind} = [${texts.join(", ")}]`);
  }
  $("#toml").value = lines.length > 1 ? lines.join("\n") + "\n" : "";
}

function add(x, y) {
  corners.push([Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))]);
  if ($("#kind").value === "line" && corners.length === 2) finish();
  draw();
}

function finish() {
  const kind = $("#kind").value;
  const name = $("#name").value;
  if (corners.length < LEAST[kind]) { $("#corners").textContent = `A ${kind} has at least ${LEAST[kind]} corners.`; return; }
  if (!$("#name").checkValidity() || !name || finished.some((place) => place.name === name)) {
    $("#corners").textContent = "Give it a name of letters and numbers that no other has.";
    corners = kind === "line" ? [] : corners;
    return;
  }
  finished.push({ kind, name, corners });
  corners = [];
  $("#name").value = kind + (finished.length + 1);
  draw();
}

async function load() {
  const camera = $("#camera").value;
  let answer;
  do { // it waits for the first picture
    answer = await fetch(`/${camera}/frame.jpg`, { cache: "no-store" });
  } while (answer.status === 204 && camera === $("#camera").value);
  if (answer.status !== 200 || camera !== $("#camera").value) return;
  picture = await createImageBitmap(await answer.blob());
  canvas.width = picture.width;
  canvas.height = picture.height;
  draw();
}

async function start() {
  const state = await (await fetch("/api/state", { cache: "no-store" })).json();
  for (const name of Object.keys(state.cameras)) $("#camera").append(new Option(name, name));
  await load();
}

canvas.addEventListener("pointerdown", (event) => {
  const place = canvas.getBoundingClientRect();
  add((event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height);
});
$("#add").addEventListener("click", () => add($("#x").value / 100, $("#y").value / 100));
$("#undo").addEventListener("click", () => { if (!corners.pop()) finished.pop(); draw(); });
$("#done").addEventListener("click", finish);
$("#clear").addEventListener("click", () => { corners = []; finished = []; draw(); });
$("#refresh").addEventListener("click", load);
$("#kind").addEventListener("change", () => { corners = []; draw(); });
$("#camera").addEventListener("change", () => { corners = []; finished = []; load(); });
$("#copy").addEventListener("click", async () => {
  $("#toml").select();
  const copied = navigator.clipboard ? await navigator.clipboard.writeText($("#toml").value).then(() => true, () => false) : document.execCommand("copy");
  $("#copied").textContent = copied ? "Copied." : "Select the text and copy it.";
});
$("form").addEventListener("submit", (event) => event.preventDefault());
start();
