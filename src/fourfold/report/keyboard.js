// Keys: letters act anywhere on the page outside lists, arrows while the images have the focus.

const PAN = 0.1;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DETAIL_KEYS = { j: [-1, 0], l: [1, 0], i: [0, -1], k: [0, 1] };

const actions = {
  "+": () => zoomBy(1.25),
  "=": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  "−": () => zoomBy(0.8),
  0: () => change({ zoom: 1 }),
  e: toggleMap,
  d: toggleSign,
  s: () => change({ smooth: !view.smooth }),
  r: reset,
  n: () => stepFrame(1),
  p: () => stepFrame(-1),
  "?": () => document.getElementById("keys").showModal(),
};

function stepFrame(by) {
  change({ frame: clamp(view.frame + by, 0, page.frames.length - 1) });
}

// The panel that a held key shows everywhere, or undefined.
function heldPanel(key) {
  if (key === "c") return 0;
  return /^[1-9]$/.test(key) && key <= panels.length ? key - 1 : undefined;
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const onImages = event.target.closest("#panels");
  const step = event.shiftKey ? 8 : 2;
  if (key in ARROWS && onImages) {
    const [right, down] = ARROWS[key];
    if (event.shiftKey) shiftWindow((down * (view.high - view.low)) / 25, (right * (view.high - view.low)) / 25);
    else panBy(right * PAN, down * PAN);
  } else if (event.target.matches("select") || key in ARROWS) return;
  else if (key in DETAIL_KEYS) moveDetail(...DETAIL_KEYS[key].map((direction) => direction * step));
  else if (key === "a") amplify(event.shiftKey ? -1 : 1);
  else if (heldPanel(key) !== undefined) change({ everywhere: heldPanel(key) });
  else if (key in actions) actions[key]();
  else return;
  event.preventDefault();
}

function listenToKeys() {
  document.addEventListener("keydown", press);
  document.addEventListener("keyup", (event) => {
    if (heldPanel(event.key.toLowerCase()) !== undefined) change({ everywhere: null });
  });
  window.addEventListener("blur", () => change({ everywhere: null }));
}
