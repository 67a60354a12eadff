// The pictures of the mask and of the acquired k-space, for the frame that is shown.
// One code a sample: 0 was not acquired, 1 … 255 runs evenly from the floor to the strongest sample.

const WIDTH = 240; // CSS pixels, about

function drawKspace(series) {
  const codes = series.frame(view.frame);
  const [ny, nx] = page.kspace.size;
  const pictures = { mask: (i) => (codes[i] > 0 ? 255 : 0), kspace: (i) => codes[i] };
  for (const [id, value] of Object.entries(pictures)) {
    const canvas = element(id);
    canvas.width = nx;
    canvas.height = ny;
    // Whole screen pixels for each sample, as lines of a regular mask would beat with any other size.
    canvas.style.width = `${nx * Math.max(1, Math.round(WIDTH / nx))}px`;
    const context = canvas.getContext("2d");
    const image = context.createImageData(nx, ny);
    paint(image, GREY, 0, 255, value);
    context.putImageData(image, 0, 0);
  }
}

function readKspace(event, series) {
  const [ny, nx] = page.kspace.size;
  const x = clamp(Math.floor((event.offsetX / event.target.clientWidth) * nx), 0, nx - 1);
  const y = clamp(Math.floor((event.offsetY / event.target.clientHeight) * ny), 0, ny - 1);
  const code = series.frame(view.frame)[y * nx + x];
  const level = ((code - 1) / 254 - 1) * page.kspace.floor;
  const value = code === 0 ? "not acquired" : `${signed(level)} dB of the strongest sample`;
  element("kspace-value").textContent = `ky ${y - Math.floor(ny / 2)}, kx ${x - Math.floor(nx / 2)}: ${value}`;
}

function listenToKspace() {
  const series = new Series({ pixels: page.kspace.pixels, step: 1 }, 1);
  let drawn = null;
  listeners.push(() => {
    if (drawn !== view.frame) drawKspace(series);
    drawn = view.frame;
  });
  for (const id of ["mask", "kspace"]) {
    element(id).addEventListener("pointermove", (event) => readKspace(event, series));
    element(id).addEventListener("pointerleave", () => (element("kspace-value").textContent = "\u00a0"));
  }
}
