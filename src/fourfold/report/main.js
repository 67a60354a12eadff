// Start: build the panels, connect the listeners, draw.

const seriesOf = (images, index) => images[index] && new Series(images[index], 2, index);

const panels = [...document.querySelectorAll(".panel")].map(
  (figure, index) => new Panel(figure, seriesOf(page.images, index), seriesOf(page.deviations, index)),
);

element("size").value = panels[0].image.clientWidth;

// Canvases have as many pixels as the screen gives them, and are drawn again when that changes.
function fit(canvas) {
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
}

const resized = new ResizeObserver((entries) => {
  entries.forEach(({ target }) => fit(target));
  draw();
});

listeners.push(() => panels.forEach((panel) => panel.draw()), showState);
document.documentElement.classList.add("js");
for (const panel of panels) {
  for (const canvas of [panel.image, panel.detail, panel.map]) {
    listenToPointer(canvas);
    fit(canvas);
    resized.observe(canvas);
  }
}
listenToControls();
listenToKeys();
listenToTable(element("scores"));
if (page.kspace) listenToKspace();
// At once rather than with the screen's next frame, which a page that is only printed never gets.
draw();
