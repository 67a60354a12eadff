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
  on("amplification", "change", (event) => change({ amplification: Number(event.target.value) }));
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
    element("frame-value").textContent = page.frames[view.frame];
  }
  element("map").value = view.map;
  element("amplification").value = view.amplification;
  element("smooth").setAttribute("aria-pressed", view.smooth);
  element("compare")?.setAttribute("aria-pressed", view.everywhere === 0);
  element("grey-text").textContent = `${percent(view.low)} to ${percent(view.high)}`;
  showMapScale();
  const { x, y } = view.cursor ?? detailCentre();
  element("position").textContent = `${view.cursor ? "Cursor" : "Detail centre"}: x ${x}, y ${y}`;
}

function showMapScale() {
  const amplified = view.map === "error" || view.map === "edges";
  element("map-scale").hidden = !amplified;
  element("amplify").hidden = !amplified;
  if (!amplified) return;
  drawBar(element("map-bar"), view.map === "error" ? HEAT : GREY);
  const what = view.map === "error" ? "|method − reference|" : "edges (gradient per pixel)";
  const full = Number((100 / view.amplification).toPrecision(3));
  element("map-text").textContent = `${what} ×${view.amplification}: 0 to ${full} %`;
}
