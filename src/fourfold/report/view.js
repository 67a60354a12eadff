// What is shown at the moment, one state for all panels; every change goes through `change`.

const [NY, NX] = page.size;

const initial = {
  low: page.window[0],
  high: page.window[1],
  zoom: 1,
  x: NX / 2, // the centre of what is seen, in pixels from the left and upper edge
  y: NY / 2,
  detail: page.detail, // { x, y, width, height } in pixels
  map: page.reference ? "error" : "none",
  amplification: page.amplification, // of errors, signed or not, and edges
  deviationAmplification: page.deviation_amplification,
  smooth: true,
  everywhere: null, // index of the image that all panels show while a key is held
  cursor: null, // { x, y } of the pixel under the mouse
};

const view = { ...initial, frame: page.start };
const listeners = [];
let waiting = false;

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function change(changes) {
  Object.assign(view, changes);
  view.zoom = clamp(view.zoom, 1, 32);
  const [halfWidth, halfHeight] = [NX / view.zoom / 2, NY / view.zoom / 2];
  view.x = clamp(view.x, halfWidth, NX - halfWidth);
  view.y = clamp(view.y, halfHeight, NY - halfHeight);
  if (!waiting) {
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }
}

function draw() {
  listeners.forEach((listener) => listener());
}

function reset() {
  change(initial);
}

// The part of the image that is seen, in pixels.
function seen() {
  const [width, height] = [NX / view.zoom, NY / view.zoom];
  return { x: view.x - width / 2, y: view.y - height / 2, width, height };
}

function setWindow(level, width) {
  level = clamp(level, 0, 150);
  width = clamp(width, 0.2, 200);
  change({ low: level - width / 2, high: level + width / 2 });
}

function shiftWindow(level, width) {
  setWindow((view.low + view.high) / 2 + level, view.high - view.low + width);
}

// Zoom by a factor and keep the image point `fixed` where it is.
function zoomBy(factor, fixed = { x: view.x, y: view.y }) {
  const zoom = clamp(view.zoom * factor, 1, 32);
  const ratio = view.zoom / zoom;
  change({ zoom, x: fixed.x + (view.x - fixed.x) * ratio, y: fixed.y + (view.y - fixed.y) * ratio });
}

// Move by parts of what is seen.
function panBy(right, down) {
  change({ x: view.x + (right * NX) / view.zoom, y: view.y + (down * NY) / view.zoom });
}

function centreDetail(x, y) {
  const { width, height } = view.detail;
  change({
    detail: {
      x: clamp(Math.floor(x) - Math.floor(width / 2), 0, NX - width),
      y: clamp(Math.floor(y) - Math.floor(height / 2), 0, NY - height),
      width,
      height,
    },
  });
}

function detailCentre() {
  const { x, y, width, height } = view.detail;
  return { x: x + Math.floor(width / 2), y: y + Math.floor(height / 2) };
}

function moveDetail(right, down) {
  const { x, y, width, height } = view.detail;
  centreDetail(x + width / 2 + right, y + height / 2 + down);
}

function toggleMap() {
  change({ map: view.map === "none" ? (page.reference ? "error" : "edges") : "none" });
}

function toggleSign() {
  if (page.reference) change({ map: view.map === "signed" ? "error" : "signed" });
}

// The name under which the state keeps the amplification of the map that is shown.
function amplified() {
  return view.map === "deviation" ? "deviationAmplification" : "amplification";
}

function amplify(steps) {
  const index = page.amplifications.indexOf(view[amplified()]) + steps;
  change({ [amplified()]: page.amplifications[clamp(index, 0, page.amplifications.length - 1)] });
}
