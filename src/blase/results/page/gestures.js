// Mouse, touch and keys of the panel, turned into ranges of wavelength.
function wirePanel(canvas, panel) {
  const pointers = new Map();
  let start = null;
  let moved = false;
  const view = panel.view;
  const toWave = (x) => view.low + (x - panel.box().left) / panel.box().width * (view.high - view.low);
  const local = (event) => event.clientX - canvas.getBoundingClientRect().left;

  function zoomAbout(x, factor) {
    const at = toWave(x);
    panel.set(at - (at - view.low) * factor, at + (view.high - at) * factor);
  }

  function begin() {
    start = { low: view.low, high: view.high, at: Array.from(pointers.values()) };
  }

  canvas.addEventListener('pointerdown', (event) => {
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, local(event));
    moved = false;
    begin();
    start.range = event.shiftKey ? toWave(local(event)) : null;
  });

  canvas.addEventListener('pointermove', (event) => {
    const x = local(event);
    panel.say(x);
    if (!pointers.has(event.pointerId)) {
      panel.hover(x);
      return;
    }
    pointers.set(event.pointerId, x);
    const now = Array.from(pointers.values());
    moved = moved || Math.abs(x - start.at[0]) > 4 || now.length > 1;
    if (!moved || start.range !== null) { return; }
    const scale = (start.high - start.low) / panel.box().width;
    if (now.length === 1) {
      const by = (start.at[0] - now[0]) * scale;
      panel.set(start.low + by, start.high + by);
    } else if (start.at.length === now.length) {
      const factor = Math.abs(start.at[0] - start.at[1]) / Math.max(Math.abs(now[0] - now[1]), 8);
      const left = panel.box().left;
      const anchor = start.low + ((start.at[0] + start.at[1]) / 2 - left) * scale;
      const middle = ((now[0] + now[1]) / 2 - left) / panel.box().width;
      const span = (start.high - start.low) * factor;
      panel.set(anchor - middle * span, anchor + (1 - middle) * span);
    }
  });

  function end(event) {
    if (!pointers.has(event.pointerId)) { return; }
    const x = local(event);
    pointers.delete(event.pointerId);
    if (event.type === 'pointerup' && moved && start.range !== null) {
      const [low, high] = [start.range, toWave(x)].sort((a, b) => a - b);
      panel.set(low, high);
    } else if (event.type === 'pointerup' && !moved) {
      panel.choose(x);
    }
    begin();
    start.range = null;
  }
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', end);

  canvas.addEventListener('dblclick', (event) => zoomAbout(local(event), 0.4));
  canvas.addEventListener('wheel', (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) { return; }
    event.preventDefault();
    zoomAbout(local(event), event.deltaY > 0 ? 1.25 : 0.8);
  }, { passive: false });
  canvas.addEventListener('keydown', (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && panel.key(event.key)) { event.preventDefault(); }
  });
}
