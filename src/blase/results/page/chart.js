// Drawing on a canvas: sharp pixels, axes, and curves thinned to what the screen can show.
const FONT = '12px system-ui, "Segoe UI", Roboto, sans-serif';

function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  return { context, width, height };
}

function ticks(low, high, most) {
  const raw = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const places = (step) => {
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const out = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) {
      out.push({ value: k * step, text: fixed(k * step, decimals) });
    }
    return out;
  };
  const steps = [1, 2, 5, 10].map((m) => m * power);
  const chosen = steps.findIndex((s) => s >= raw * 0.999);
  const found = places(steps[chosen]);
  // One number says nothing of a scale: where the round ones fall outside, the next finer step.
  return found.length > 1 || chosen === 0 ? found : places(steps[chosen - 1]);
}

// A rectangle with scales: `box.x` and `box.y` turn numbers into screen coordinates.
function makeBox(left, top, width, height, xRange, yRange) {
  return {
    left, top, width, height, xRange, yRange,
    x: (value) => left + width * (value - xRange[0]) / (xRange[1] - xRange[0]),
    y: (value) => top + height * (yRange[1] - value) / (yRange[1] - yRange[0]),
  };
}

function square(context, x, y, size) {
  context.fillRect(x - 0.85 * size, y - 0.85 * size, 1.7 * size, 1.7 * size);
}

function disc(context, x, y, size) {
  context.beginPath();
  context.arc(x, y, size, 0, 2 * Math.PI);
  context.fill();
}

function drawFrame(context, box, yLabel, yTicks) {
  context.strokeStyle = colour('rule');
  context.lineWidth = 1;
  context.setLineDash([]);
  context.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
  context.fillStyle = colour('soft');
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const tick of yTicks || ticks(box.yRange[0], box.yRange[1], Math.max(2, Math.floor(box.height / 22)))) {
    const y = box.y(tick.value);
    if (y < box.top + 6 || y > box.top + box.height - 6) { continue; }
    context.fillText(tick.text, box.left - 5, y);
    context.beginPath();
    context.moveTo(box.left, Math.round(y) + 0.5);
    context.lineTo(box.left + 4, Math.round(y) + 0.5);
    context.stroke();
  }
  context.textAlign = 'left';
  context.textBaseline = 'top';
  context.fillStyle = colour('ink');
  context.fillText(yLabel, box.left + 8, box.top + 5);
}

function drawXAxis(context, box, label, xTicks) {
  context.fillStyle = colour('soft');
  context.strokeStyle = colour('rule');
  context.textAlign = 'center';
  context.textBaseline = 'top';
  const bottom = box.top + box.height;
  for (const tick of xTicks || ticks(box.xRange[0], box.xRange[1], Math.max(2, Math.floor(box.width / 75)))) {
    const x = box.x(tick.value);
    context.fillText(tick.text, clamp(x, box.left + 22, box.left + box.width - 22), bottom + 5);
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, bottom - 4);
    context.lineTo(Math.round(x) + 0.5, bottom);
    context.stroke();
  }
  context.fillStyle = colour('ink');
  context.fillText(label, box.left + box.width / 2, bottom + 20);
}

function clipTo(context, box, draw) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  draw();
  context.restore();
  context.setLineDash([]);
}

// The samples that reach into the view, one more on either side.
function visible(xs, range) {
  return [Math.max(lowerBound(xs, range[0]) - 1, 0), Math.min(lowerBound(xs, range[1]) + 1, xs.length)];
}

// Points of a curve on the screen, at most four for every column of pixels: first, lowest, highest, last.
function thinned(xs, ys, box) {
  const [first, last] = visible(xs, box.xRange);
  const points = [];
  if (last - first <= 2 * box.width) {
    for (let i = first; i < last; i += 1) { points.push([box.x(xs[i]), box.y(ys[i])]); }
    return points;
  }
  let at = first;
  while (at < last) {
    const cell = Math.floor(box.x(xs[at]));
    let low = Infinity;
    let high = -Infinity;
    const begin = at;
    let end = at;
    while (at < last && Math.floor(box.x(xs[at])) === cell) {
      if (ys[at] < low) { low = ys[at]; }
      if (ys[at] > high) { high = ys[at]; }
      end = at;
      at += 1;
    }
    const x = cell + 0.5;
    if (low === Infinity) {
      points.push([x, NaN]);
    } else {
      points.push([x, box.y(ys[begin])], [x, box.y(low)], [x, box.y(high)], [x, box.y(ys[end])]);
    }
  }
  return points;
}

function drawCurve(context, xs, ys, box, style) {
  context.strokeStyle = style.colour;
  context.lineWidth = style.width || 1.2;
  context.setLineDash(style.dash || []);
  context.lineJoin = 'round';
  context.beginPath();
  let pen = false;
  for (const [x, y] of thinned(xs, ys, box)) {
    if (!Number.isFinite(y)) { pen = false; continue; }
    if (pen) { context.lineTo(x, y); } else { context.moveTo(x, y); pen = true; }
  }
  context.stroke();
  context.setLineDash([]);
}

function drawBand(context, xs, low, high, box, fill) {
  const upper = thinned(xs, high, box).filter((p) => Number.isFinite(p[1]));
  const lower = thinned(xs, low, box).filter((p) => Number.isFinite(p[1]));
  if (!upper.length) { return; }
  context.fillStyle = fill;
  context.beginPath();
  upper.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
  lower.reverse().forEach(([x, y]) => context.lineTo(x, y));
  context.closePath();
  context.fill();
}

function extremes(values, first, last, skip) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = first; i < last; i += 1) {
    if (skip && skip[i]) { continue; }
    if (values[i] < low) { low = values[i]; }
    if (values[i] > high) { high = values[i]; }
  }
  return [low, high];
}
