// The page of a reader: enters by a token, shows case after case, sends every rating.

import { Outbox, Refusal, get, onConnection, pixels, post } from "./api.js";
import { Order } from "./order.js";
import { Ratings } from "./ratings.js";
import { Viewer } from "./viewer.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BETWEEN_IMAGES = 500;

const find = (id) => document.getElementById(id);
const study = { state: null, position: 0, case: null, ratings: null, criterion: 0, focus: 0, single: false, timer: null };
const viewer = new Viewer(() => {
  find("level").value = viewer.level;
  find("width").value = viewer.range;
});
const order = new Order(find("order"), (places) => {
  send(study.ratings.order(criterion(), places));
});
const outbox = new Outbox((words, refusal) => {
  find("saved").textContent = words;
  if (refusal) find("message").textContent = refusal;
});
onConnection((connected) => {
  find("trouble").hidden = connected;
  if (!connected && !outbox.empty) find("saved").textContent = "Not saved";
});

const criterion = () => study.state.criteria[study.criterion];
const panels = () => [...find("panels").children];

function only(id) {
  for (const each of ["entry", "study", "done"]) find(each).hidden = each !== id;
}

// Entry

async function enter(token) {
  await post("session", { token });
  history.replaceState(null, "", location.pathname);
  await begin();
}

async function begin() {
  study.state = await get("state");
  find("title").textContent = document.title = study.state.title;
  find("instructions").textContent = study.state.instructions;
  find("key").textContent = study.state.key_sha256;
  const first = study.state.finished.indexOf(false);
  await open(first < 0 ? study.state.finished.length - 1 : first, first < 0);
}

async function start() {
  const token = location.hash.slice(1);
  try {
    await (token ? enter(decodeURIComponent(token)) : begin());
  } catch (error) {
    only("entry");
    if (!(error instanceof Refusal && error.status === 401)) find("entry-message").textContent = error.message;
  }
}

find("entry").addEventListener("submit", async (event) => {
  event.preventDefault();
  find("entry-message").textContent = "";
  try {
    await enter(find("token").value.trim());
  } catch (error) {
    find("entry-message").textContent = error.message;
  }
});

// Cases

async function open(position, done = false) {
  only(done ? "done" : "study");
  setAlternate(false);
  const shown = await get(`cases/${position}`);
  const images = await Promise.all(shown.images.map(pixels));
  Object.assign(study, { position, case: shown, criterion: 0, focus: 0 });
  study.ratings = new Ratings(study.state.criteria, shown.images, shown.ratings);
  find("comment").value = shown.comment;
  find("message").textContent = "";
  find("panels").replaceChildren(...images.map((_, place) => panel(place, shown)));
  viewer.show(images, panels().map((each) => each.querySelector("canvas")), shown);
  refresh();
  window.scrollTo(0, 0);
}

function panel(place, { width, height, pixel_aspect: aspect }) {
  const element = document.createElement("figure");
  element.className = "panel";
  element.style.margin = 0;
  const canvas = document.createElement("canvas");
  canvas.style.aspectRatio = `${width} / ${height * aspect}`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Image ${LETTERS[place]}`);
  const row = document.createElement("div");
  row.className = "row";
  element.append(canvas, row);
  element.addEventListener("pointerdown", () => setFocus(place));
  return element;
}

function refresh() {
  const { finished, criteria, closed, block_size: block } = study.state;
  const count = finished.filter(Boolean).length;
  find("place").textContent = `Case ${study.position + 1} of ${finished.length}`;
  find("progress").value = count / finished.length;
  find("criteria").replaceChildren(...criteria.map(tab));
  find("criteria").hidden = criteria.length < 2;
  find("question").textContent = criterion().question;
  panels().forEach((each, place) => fill(each.querySelector(".row"), place));
  find("ranking").hidden = criterion().kind !== "rank";
  const letters = study.case.images.map((_, place) => LETTERS[place]);
  if (criterion().kind === "rank") order.show(letters, study.ratings.values(criterion()));
  find("before").disabled = study.position === 0;
  find("next").disabled = !closed && !criteria.every((each) => study.ratings.complete(each));
  find("next").textContent = study.position + 1 === finished.length ? "Finish" : "Next case";
  if (closed) find("message").textContent = "The study is closed; ratings are no longer taken.";
  else if (study.position && study.position % block === 0 && !finished[study.position]) {
    find("message").textContent = "A good place for a break: everything so far is stored.";
  }
  setFocus(study.focus);
}

function tab(each, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "tab");
  button.setAttribute("aria-selected", index === study.criterion);
  button.textContent = study.ratings.complete(each) ? `${each.name} ✓` : each.name;
  button.addEventListener("click", () => chooseCriterion(index));
  return button;
}

function fill(row, place) {
  const letter = document.createElement("span");
  letter.className = "letter";
  letter.textContent = LETTERS[place];
  const value = study.ratings.values(criterion())[place];
  const buttons = Array.from({ length: study.ratings.highest(criterion()) }, (_, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "rate";
    button.textContent = index + 1;
    button.title = criterion().scale[index] ?? "";
    button.disabled = study.state.closed;
    button.setAttribute("aria-pressed", value === index + 1);
    button.setAttribute("aria-label", `Image ${LETTERS[place]}: ${index + 1} ${button.title}`.trim());
    button.addEventListener("click", () => rate(place, index + 1));
    return button;
  });
  const focused = row.contains(document.activeElement) ? document.activeElement.textContent : null;
  row.replaceChildren(letter, ...buttons);
  if (criterion().kind === "score") {
    const meaning = document.createElement("span");
    meaning.className = "meaning";
    meaning.textContent = value ? criterion().scale[value - 1] : "";
    row.append(meaning);
  }
  buttons.find((button) => button.textContent === focused)?.focus();
}

function rate(place, value) {
  if (study.state.closed || value > study.ratings.highest(criterion())) return;
  study.focus = place;
  send(study.ratings.rate(criterion(), place, value));
}

function send(ratings) {
  outbox.add("ratings", { case: study.position, criterion: criterion().name, ratings });
  refresh();
}

function sendComment() {
  const words = find("comment").value;
  if (study.state.closed || words === study.case.comment) return;
  study.case.comment = words;
  outbox.add("comments", { case: study.position, words });
}

async function next() {
  if (find("next").disabled) return;
  sendComment();
  find("next").disabled = true;
  await outbox.sent();
  try {
    if (!study.state.closed) await post("finished", { case: study.position });
    study.state.finished[study.position] = true;
    const last = study.position + 1 === study.state.finished.length;
    const left = study.state.finished.indexOf(false);
    if (!last) await open(study.position + 1);
    else if (left >= 0) await open(left);
    else only("done");
  } catch (error) {
    find("message").textContent = error.message;
    find("next").disabled = false;
  }
}

async function before() {
  if (study.position === 0) return;
  sendComment();
  await outbox.sent();
  await open(study.position - 1);
}

// View

function setFocus(place) {
  study.focus = (place + panels().length) % panels().length;
  panels().forEach((each, index) => {
    each.classList.toggle("shown", index === study.focus);
    each.classList.toggle("moves", viewer.moves);
  });
  if (study.single) viewer.draw();
}

function setSingle(single) {
  study.single = single;
  find("panels").classList.toggle("single", single);
  find("side-by-side").setAttribute("aria-pressed", !single);
  find("flicker").setAttribute("aria-pressed", single);
  if (!single) setAlternate(false);
  viewer.draw();
}

function setAlternate(on) {
  clearInterval(study.timer);
  study.timer = on ? setInterval(() => setFocus(study.focus + 1), BETWEEN_IMAGES) : null;
  find("alternate").setAttribute("aria-pressed", on);
  if (on && !study.single) setSingle(true);
}

function setMoves(moves) {
  viewer.moves = moves;
  find("pan").setAttribute("aria-pressed", moves);
  setFocus(study.focus);
}

function chooseCriterion(index) {
  study.criterion = index % study.state.criteria.length;
  refresh();
}

const actions = {
  "side-by-side": () => setSingle(false),
  flicker: () => setSingle(true),
  alternate: () => setAlternate(!study.timer),
  pan: () => setMoves(!viewer.moves),
  smaller: () => viewer.zoomBy(1 / 1.5),
  larger: () => viewer.zoomBy(1.5),
  reset: () => viewer.reset(),
  before,
  next,
  again: () => open(study.state.finished.length - 1),
};
for (const [id, act] of Object.entries(actions)) find(id).addEventListener("click", act);
for (const id of ["level", "width"]) {
  find(id).addEventListener("input", () => viewer.setWindow(Number(find("level").value), Number(find("width").value)));
}
find("comment").addEventListener("change", sendComment);

const keys = {
  ArrowLeft: () => setFocus(study.focus - 1),
  ArrowRight: () => setFocus(study.focus + 1),
  " ": () => setFocus(study.focus + 1),
  f: () => setSingle(!study.single),
  a: actions.alternate,
  c: () => chooseCriterion(study.criterion + 1),
  r: actions.reset,
  n: next,
  b: before,
  "+": actions.larger,
  "-": actions.smaller,
};
document.addEventListener("keydown", (event) => {
  if (find("study").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("textarea, input")) return;
  if (event.key === " " && event.target.closest("button, summary")) return;
  if (/^[1-9]$/.test(event.key)) rate(study.focus, Number(event.key));
  else if (keys[event.key.toLowerCase()] ?? keys[event.key]) (keys[event.key.toLowerCase()] ?? keys[event.key])();
  else return;
  event.preventDefault();
});
new ResizeObserver(() => viewer.draw()).observe(find("panels"));
window.addEventListener("beforeunload", (event) => {
  if (!outbox.empty) event.preventDefault();
});

start();
