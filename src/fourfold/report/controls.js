// The toolbar, the colour bars and the read-out: they change the state and show it.

const element = (id) => document.getElementById(id);

function listenToControls() {
  const on = (id, event, listener) => element(id)?.addEventListener(event, listener);
  on("frame", "input", (event) => change({ frame: Number(event.target.value) }));
  on("level", "input", (event) => setWindow(Number(event.target.value), view.high - view.low));
  on("window", "input", (event) => setWindow((view.low + view.high) / 2, Number(event.target.value)));
  on("zoom-in", "click", () => zoomBy(1.25));
  on("zoom-out", "click", () => zoomBy(0.8));
  on("map", "change", (event) => change({ map: event.target.value }));
  on("amplification", "change", (event) => change({ [amplified()]: Number(event.target.value) }));
  on("size", "input", (event) => element("viewer").style.setProperty("--panel", `${event.target.value}px`));
  on("smooth", "click", () => change({ smooth: !view.smooth }));
  on("reset", "click", reset);
  on("help", "click", () => element("keys").showModal());

  const hold = () => change({ everywhere: 0 });
  const release = () => change({ everywhere: null });
  on("compare", "pointerdown", hold);
  on("compare", "keydown", (event) => [" ", "Enter"].includes(event.key) && hold());
  for (const event of ["pointerup", "pointerleave", "keyup", "blur"]) on("compare", event, release);

  drawBar(element("grey-bar"), GREY);
}

function showState() {
  const level = (view.low + view.high) / 2;
  const width = view.high - view.low;
  element("level").value = level;
  element("level-value").textContent = `${level.toFixed(1)} %`;
  element("window").value = width;
  element("window-value").textContent = `${width.toFixed(1)} %`;
  element("zoom-value").textContent = `${Math.round(view.zoom * 100)} %`;
  if (element("frame")) {
    element("frame").value = view.frame;
    element("frame-value").textContent = page.names[view.frame];
  }
  element("map").value = view.map;
  element("amplification").value = view[amplified()];
  element("smooth").setAttribute("aria-pressed", view.smooth);
  element("compare")?.setAttribute("aria-pressed", view.everywhere === 0);
  element("grey-text").textContent = `${percent(view.low)} to ${percent(view.high)}`;
  showMapScale();
  const { x, y } = view.cursor ?? detailCentre();
  element("position").textContent = `${view.cursor ? "Cursor" : "Detail centre"}: x ${x}, y ${y}`;
}

const SCALES = {
  error: [HEAT, "|method − reference|"],
  signed: [SIGNED, "method − reference"],
  edges: [GREY, "edges (gradient per pixel)"],
  deviation: [HEAT, "standard deviation of the members"],
};

function showMapScale() {
  const scale = SCALES[view.map];
  element("map-scale").hidden = !scale;
  element("amplify").hidden = !scale;
  if (!scale) return;
  const [table, what] = scale;
  const factor = view[amplified()];
  drawBar(element("map-bar"), table);
  const top = Number((100 / factor).toPrecision(3));
  element("map-text").textContent = `${what} ×${factor}: ${view.map === "signed" ? `−${top} to +${top}` : `0 to ${top}`} %`;
}
