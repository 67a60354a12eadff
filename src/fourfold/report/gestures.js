// Mouse, pen and touch on the images.

const CLICK = 3; // CSS pixels that a press may move and still be a click

const isProfile = (canvas) => canvas.classList.contains("map") && view.map === "profile";

// What of the image a panel's canvas shows: x, y, width and height in pixels (in a profile, x counts frames).
function part(canvas) {
  if (isProfile(canvas)) return { x: 0, y: 0, width: framesInTime(view.frame).length, height: NY };
  return canvas.classList.contains("detail") ? view.detail : seen();
}

// The pixel (with fraction) of one of a panel's canvases at a point of the window.
function locate(canvas, { x, y }) {
  const box = canvas.getBoundingClientRect();
  const from = part(canvas);
  return {
    x: from.x + ((x - box.left) / box.width) * from.width,
    y: from.y + ((y - box.top) / box.height) * from.height,
  };
}

const point = (event) => ({ x: event.clientX, y: event.clientY });
const middle = ([first, second]) => ({ x: (first.x + second.x) / 2, y: (first.y + second.y) / 2 });
const distance = ([first, second]) => Math.max(1, Math.hypot(first.x - second.x, first.y - second.y));

function listenToPointer(canvas) {
  const pressed = new Map(); // pointer id → where it was last
  let moved = 0;
  let panning = false;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pressed.set(event.pointerId, point(event));
    // A finger that stays after a pinch goes on panning.
    panning = event.button !== 0 || event.shiftKey || pressed.size > 1;
    moved = 0;
  });

  canvas.addEventListener("pointermove", (event) => {
    const last = pressed.get(event.pointerId);
    if (last) {
      const before = [...pressed.values()];
      pressed.set(event.pointerId, point(event));
      const after = [...pressed.values()];
      const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
      moved += Math.abs(dx) + Math.abs(dy);
      if (pressed.size > 1) {
        zoomBy(distance(after) / distance(before), locate(canvas, middle(after)));
        pan(dx / 2, dy / 2);
      } else if (moved > CLICK) {
        if (panning) pan(dx, dy);
        else drag(dx, dy);
      }
    }
    track(event);
  });

  canvas.addEventListener("pointerup", (event) => {
    pressed.delete(event.pointerId);
    if (moved > CLICK || panning || canvas.classList.contains("detail")) return;
    const { x, y } = locate(canvas, point(event));
    if (isProfile(canvas)) {
      const frames = framesInTime(view.frame);
      change({ frame: frames[clamp(Math.floor(x), 0, frames.length - 1)] });
    }
    else centreDetail(x, y);
  });
  canvas.addEventListener("lostpointercapture", (event) => pressed.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => change({ cursor: null }));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY * 0.0015), isProfile(canvas) ? undefined : locate(canvas, point(event)));
    },
    { passive: false },
  );

  // The image follows the pointer.
  function pan(dx, dy) {
    const box = canvas.getBoundingClientRect();
    panBy(-dx / box.width, -dy / box.height);
  }

  function drag(dx, dy) {
    const perPixel = (view.high - view.low) / 250;
    shiftWindow(dy * perPixel, dx * perPixel);
  }

  function track(event) {
    const { x, y } = locate(canvas, point(event));
    const inside = !isProfile(canvas) && x >= 0 && y >= 0 && x < NX && y < NY;
    change({ cursor: inside ? { x: Math.floor(x), y: Math.floor(y) } : null });
  }
}
