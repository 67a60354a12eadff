// One image with its magnified detail and its map, drawn from the state in `view`.

// A canvas of whole image pixels that is painted anew only when the facts it depends on change.
class Raster {
  constructor(width, height) {
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(width, height);
    this.key = null;
  }

  update(facts, table, low, high, value) {
    const key = facts.join(" ");
    if (key === this.key) return;
    this.key = key;
    paint(this.image, table, low, high, value);
    this.context.putImageData(this.image, 0, 0);
  }
}

// Draw the part `from` of a raster over the whole of a canvas.
function show(canvas, raster, from) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = view.smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(raster.canvas, from.x, from.y, from.width, from.height, 0, 0, canvas.width, canvas.height);
  return context;
}

function signedErrorOf(series, i) {
  return series.value(view.frame, i) - panels[0].series.value(view.frame, i);
}

function errorOf(series, i) {
  return Math.abs(signedErrorOf(series, i));
}

// Length of the intensity's gradient by forward differences, per pixel; zero across the last row and column.
function edgeOf(series, i) {
  const here = series.value(view.frame, i);
  const right = i % NX < NX - 1 ? series.value(view.frame, i + 1) - here : 0;
  const down = i < (NY - 1) * NX ? series.value(view.frame, i + NX) - here : 0;
  return Math.hypot(right, down);
}

class Panel {
  constructor(figure, series, deviation) {
    this.series = series;
    this.deviation = deviation; // null where the method has none
    this.image = figure.querySelector(".image");
    this.detail = figure.querySelector(".detail");
    this.map = figure.querySelector(".map");
    this.text = figure.querySelector(".value");
    this.label = figure.querySelector(".label").textContent;
    this.grey = new Raster(NX, NY);
    this.colour = new Raster(NX, NY);
    this.profile = new Raster(Math.max(...page.series.map((frames) => frames.length)), NY);
  }

  get shown() {
    return view.everywhere === null ? this.series : panels[view.everywhere].series;
  }

  draw() {
    const { frame, low, high } = view;
    const { shown } = this;
    this.grey.update([shown.id, frame, low, high], GREY, low, high, (i) => shown.value(frame, i));
    const context = show(this.image, this.grey, seen());
    this.outline(context, view.detail);
    sides(context);
    scaleBar(context);
    this.mark(this.image, seen());
    show(this.detail, this.grey, view.detail);
    this.mark(this.detail, view.detail);
    this.drawMap();
    this.describe();
  }

  drawMap() {
    this.map.hidden =
      view.map === "none" ||
      (["error", "signed"].includes(view.map) && this.series === panels[0].series) ||
      (view.map === "deviation" && this.deviation === null);
    if (this.map.hidden) return;
    if (view.map === "profile") {
      this.drawProfile();
      return;
    }
    // Errors and deviations stay each panel's own while one image is shown everywhere.
    const [series, table, value] = {
      error: [this.series, HEAT, errorOf],
      signed: [this.series, SIGNED, signedErrorOf],
      edges: [this.shown, GREY, edgeOf],
      deviation: [this.deviation, HEAT, (deviation, i) => deviation.value(view.frame, i)],
    }[view.map];
    const top = 100 / view[amplified()];
    const key = [view.map, series.id, view.frame, top];
    this.colour.update(key, table, view.map === "signed" ? -top : 0, top, (i) => value(series, i));
    show(this.map, this.colour, seen());
    this.mark(this.map, seen());
  }

  // The image column through the detail's centre over the frames of the series: x is the frame, y the position.
  drawProfile() {
    const { shown } = this;
    const column = detailCentre().x;
    const frames = framesInTime(view.frame);
    const count = frames.length;
    const width = this.profile.canvas.width;
    // A shorter series repeats its last frame, which is not shown.
    const value = (i) => shown.value(frames[Math.min(i % width, count - 1)], Math.floor(i / width) * NX + column);
    this.profile.update([shown.id, frames[0], column, view.low, view.high], GREY, view.low, view.high, value);
    const context = show(this.map, this.profile, { x: 0, y: 0, width: count, height: NY });
    const place = (frames.indexOf(view.frame) + 0.5) / count;
    line(context, [[place, 0], [place, 1]], [4, 4]);
    const from = seen();
    const position = (column + 0.5 - from.x) / from.width;
    line(this.image.getContext("2d"), [[position, 0], [position, 1]], [4, 4]);
  }

  outline(context, box) {
    const { x, y, width, height } = seen();
    const [left, top] = [(box.x - x) / width, (box.y - y) / height];
    const [right, bottom] = [left + box.width / width, top + box.height / height];
    line(context, [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]);
  }

  // A small cross at the pixel under the mouse, in every panel.
  mark(canvas, from) {
    if (!view.cursor) return;
    const u = (view.cursor.x + 0.5 - from.x) / from.width;
    const v = (view.cursor.y + 0.5 - from.y) / from.height;
    const [du, dv] = [(6 * devicePixelRatio) / canvas.width, (6 * devicePixelRatio) / canvas.height];
    const context = canvas.getContext("2d");
    line(context, [[u - du, v], [u + du, v]]);
    line(context, [[u, v - dv], [u, v + dv]]);
  }

  describe() {
    const { x, y } = view.cursor ?? detailCentre();
    const offset = y * NX + x;
    const value = this.shown.value(view.frame, offset);
    const withError = page.reference && this.shown !== panels[0].series;
    const error = withError ? `   error ${signed(value - panels[0].series.value(view.frame, offset), "+")}` : "";
    this.text.textContent = percent(value) + error;
  }
}

// A thin bright line over a dark one, seen on any background; points are parts of the canvas.
function line(context, points, dashes = []) {
  const { width, height } = context.canvas;
  context.setLineDash(dashes.map((dash) => dash * devicePixelRatio));
  context.beginPath();
  for (const [u, v] of points) context.lineTo(u * width, v * height);
  for (const [style, thickness] of [["rgb(0 0 0 / 60%)", 3], ["rgb(255 209 102)", 1.25]]) {
    context.strokeStyle = style;
    context.lineWidth = thickness * devicePixelRatio;
    context.stroke();
  }
}

// Text that is bright over a dark edge; `align` and `base` say which point of it lies at (x, y) on the canvas.
function write(context, text, x, y, align, base) {
  context.save();
  context.font = `600 ${12 * devicePixelRatio}px system-ui, sans-serif`;
  [context.textAlign, context.textBaseline] = [align, base];
  context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 75%)";
  context.lineWidth = 3 * devicePixelRatio;
  context.strokeText(text, x, y);
  context.fillStyle = "rgb(255 255 255)";
  context.fillText(text, x, y);
  context.restore();
}

// The patient's sides at the edges of the image, where they are known.
function sides(context) {
  if (!page.edges) return;
  const { width, height } = context.canvas;
  const [left, upper, right, lower] = page.edges[view.frame];
  const gap = 4 * devicePixelRatio;
  write(context, left, gap, height / 2, "left", "middle");
  write(context, upper, width / 2, gap, "center", "top");
  write(context, right, width - gap, height / 2, "right", "middle");
  write(context, lower, width / 2, height - gap, "center", "bottom");
}

// A bar of a round length, at most a quarter of the image's width, where the size of a pixel is known.
function scaleBar(context) {
  if (!page.pixel) return;
  const { width, height } = context.canvas;
  const seenLength = seen().width * page.pixel[1]; // mm
  const power = 10 ** Math.floor(Math.log10(seenLength / 4));
  const length = Math.max(...[1, 2, 5].map((digit) => digit * power).filter((each) => each <= seenLength / 4));
  const gap = 8 * devicePixelRatio;
  const [from, to, v] = [gap / width, gap / width + length / seenLength, 1 - gap / height];
  const end = gap / 2 / height;
  line(context, [[from, v - end], [from, v], [to, v], [to, v - end]]);
  const text = length < 10 ? `${Number(length.toPrecision(1))} mm` : `${length / 10} cm`;
  write(context, text, gap, height - 1.7 * gap, "left", "bottom");
}

// A number with one decimal and a true minus sign.
function signed(value, plus = "") {
  const text = Math.abs(value).toFixed(1);
  if (Number(text) === 0) return text;
  return (value < 0 ? "−" : plus) + text;
}

function percent(value) {
  return `${signed(value)} %`;
}
