// Mouse, pen and touch on the images.

const CLICK = 3; // CSS pixels that a press may move and still be a click

const isProfile = (canvas) => canvas.classList.contains("map") && view.map === "profile";

// What of the image a panel's canvas shows: x, y, width and height in pixels (in a profile, x counts frames).
function part(canvas) {
  if (isProfile(canvas)) return { x: 0, y: 0, width: page.frames.length, height: NY };
  return canvas.classList.contains("detail") ? view.detail : seen();
}

// The pixel (with fraction) under a mouse event on one of a panel's canvases.
function locate(event) {
  const canvas = event.currentTarget;
  const box = canvas.getBoundingClientRect();
  const from = part(canvas);
  return {
    x: from.x + ((event.clientX - box.left) / box.width) * from.width,
    y: from.y + ((event.clientY - box.top) / box.height) * from.height,
  };
}

function listenToPointer(canvas) {
  const pressed = new Map(); // pointer id → { x, y } where it was last, in CSS pixels
  let moved = 0;
  let panning = false;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pressed.set(event.pointerId, { x: event.clientX, y: event.clientY });
    panning = event.button !== 0 || event.shiftKey;
    moved = pressed.size > 1 ? Infinity : 0;
  });

  canvas.addEventListener("pointermove", (event) => {
    const last = pressed.get(event.pointerId);
    if (last) {
      const before = spread(pressed);
      const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
      pressed.set(event.pointerId, { x: event.clientX, y: event.clientY });
      moved += Math.abs(dx) + Math.abs(dy);
      if (pressed.size > 1) {
        zoomBy(spread(pressed) / before);
        pan(dx / pressed.size, dy / pressed.size);
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
    const { x, y } = locate(event);
    if (isProfile(canvas)) change({ frame: clamp(Math.floor(x), 0, page.frames.length - 1) });
    else centreDetail(x, y);
  });
  canvas.addEventListener("pointercancel", (event) => pressed.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => change({ cursor: null }));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY * 0.0015), locate(event));
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
    const { x, y } = locate(event);
    const inside = !isProfile(canvas) && x >= 0 && y >= 0 && x < NX && y < NY;
    change({ cursor: inside ? { x: Math.floor(x), y: Math.floor(y) } : null });
  }
}

// Distance between the first two pressed pointers, in CSS pixels.
function spread(pressed) {
  const [first, second] = [...pressed.values()];
  return second ? Math.max(1, Math.hypot(first.x - second.x, first.y - second.y)) : 1;
}
