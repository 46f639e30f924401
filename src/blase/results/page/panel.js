// The panel along wavelength: flux, components, residuals; moved by mouse, touch and keys.
const LIFT = 0.25;
const MARKS = 20;
const NEAR = 7;
const DASHES = { continuum: [2, 3], telluric: [7, 3], free: [3, 2], theory: [5, 3, 1, 3] };

function makePanel(fit, changed) {
  const canvas = document.getElementById('panel');
  const readout = document.getElementById('readout');
  const view = fit.view;
  const parts = {};
  let boxes = null;
  let pending = false;

  for (const input of document.querySelectorAll('.parts input')) {
    parts[input.dataset.part] = input.checked;
    input.addEventListener('change', () => {
      parts[input.dataset.part] = input.checked;
      draw();
    });
  }

  function layout(width, height) {
    const left = width < 560 ? 44 : 56;
    const inner = width - left - 10;
    const heights = height - MARKS - 42 - 16;
    const [a, b] = [0.44 * heights, 0.32 * heights];
    const range = [view.low, view.high];
    return {
      flux: makeBox(left, MARKS, inner, a, range, fluxRange()),
      parts: makeBox(left, MARKS + a + 8, inner, b, range, partsRange()),
      ratio: makeBox(left, MARKS + a + b + 16, inner, heights - a - b, range, ratioRange()),
    };
  }

  function fluxRange() {
    const order = fit.orders[view.order];
    const [first, last] = visible(order.wavelength, [view.low, view.high]);
    const found = [
      extremes(order.flux, first, last, order.masked),
      extremes(order.model, first, last),
      parts.continuum ? extremes(order.continuum, first, last) : [Infinity, -Infinity],
    ];
    const low = Math.min(...found.map((r) => r[0]));
    const high = Math.max(...found.map((r) => r[1]));
    const margin = 0.08 * (high - low || 1);
    return Number.isFinite(low) ? [low - margin, high + 2.2 * margin] : [0, 1];
  }

  function partsRange() {
    const order = fit.orders[view.order];
    const template = fit.templates[view.order];
    const lows = [0.8];
    const include = (xs, ys) => lows.push(extremes(ys, ...visible(xs, [view.low, view.high]))[0]);
    if (parts.star) { include(order.wavelength, order.star); }
    if (parts.telluric) { include(order.wavelength, order.lifted); }
    if (template && parts.template) { include(template.wavelength, template.below); }
    if (template && parts.theory) { include(template.wavelength, template.theory); }
    const low = clamp(Math.min(...lows), -0.3, 0.8);
    const high = 1 + (parts.telluric ? LIFT : 0);
    return [low - 0.06 * (high - low), high + 0.2 * (high - low)];
  }

  function ratioRange() {
    const order = fit.orders[view.order];
    const reach = Math.max(4, 1.15 * order.reach);
    return [-reach, reach];
  }

  function draw() {
    if (!pending) {
      pending = true;
      requestAnimationFrame(() => { pending = false; drawNow(); });
    }
  }

  function drawNow() {
    const order = fit.orders[view.order];
    const { context, width, height } = prepare(canvas);
    boxes = layout(width, height);
    for (const box of Object.values(boxes)) { clipTo(context, box, () => shadeMask(context, order, box)); }
    const unit = order.unit ? ' [' + order.unit + ']' : '';
    drawFrame(context, boxes.flux, 'flux' + unit);
    drawFrame(context, boxes.parts, 'normalised' + (parts.telluric ? ' (telluric + ' + LIFT + ')' : ''));
    drawFrame(context, boxes.ratio, 'residual / σ');
    drawXAxis(context, boxes.ratio, 'vacuum wavelength [Å]');
    if (fit.line !== null) { showLine(context); }
    clipTo(context, boxes.flux, () => drawFlux(context, order, boxes.flux));
    clipTo(context, boxes.parts, () => drawParts(context, order, boxes.parts));
    clipTo(context, boxes.ratio, () => drawRatio(context, order, boxes.ratio));
    if (parts.lines) { drawMarks(context); }
  }

  function shadeMask(context, order, box) {
    context.fillStyle = colour('mask-tint');
    const [first, last] = visible(order.wavelength, box.xRange);
    const w = order.wavelength;
    for (let i = first; i < last; i += 1) {
      if (!order.masked[i]) { continue; }
      const left = box.x(i ? (w[i - 1] + w[i]) / 2 : w[i]);
      const right = box.x(i + 1 < w.length ? (w[i] + w[i + 1]) / 2 : w[i]);
      context.fillRect(left, box.top, Math.max(right - left, 0.7) + 0.3, box.height);
    }
  }

  function drawFlux(context, order, box) {
    const w = order.wavelength;
    if (parts.continuum) { curve(context, w, order.continuum, box, 'continuum', 'ink', 1.2); }
    if (parts.data) { drawData(context, order, box); }
    if (parts.free) { curve(context, w, order.free, box, 'free', 'telluric', 1.2); }
    if (parts.model) { curve(context, w, order.model, box, 'model', 'model', 1.2); }
  }

  function drawData(context, order, box) {
    const [first, last] = visible(order.wavelength, box.xRange);
    if ((last - first) * 7 > box.width) {
      curve(context, order.wavelength, order.flux, box, 'data', 'data', 2.4);
      return;
    }
    context.strokeStyle = colour('data');
    context.fillStyle = colour('ink');
    context.lineWidth = 1;
    for (let i = first; i < last; i += 1) {
      if (!Number.isFinite(order.flux[i])) { continue; }
      const x = box.x(order.wavelength[i]);
      context.beginPath();
      context.moveTo(x, box.y(order.flux[i] - order.uncertainty[i]));
      context.lineTo(x, box.y(order.flux[i] + order.uncertainty[i]));
      context.stroke();
      context.fillRect(x - 1.5, box.y(order.flux[i]) - 1.5, 3, 3);
    }
  }

  function drawParts(context, order, box) {
    const template = fit.templates[view.order];
    if (template && parts.template) {
      drawBand(context, template.wavelength, template.below, template.above, box, colour('template-tint'));
      curve(context, template.wavelength, template.fitted, box, 'template', 'template', 1.2);
    }
    if (template && parts.theory) { curve(context, template.wavelength, template.theory, box, 'theory', 'ink', 1); }
    if (parts.star) { curve(context, order.wavelength, order.star, box, 'star', 'star', 1.8); }
    if (parts.telluric) { curve(context, order.wavelength, order.lifted, box, 'telluric', 'telluric', 1.5); }
  }

  function curve(context, xs, ys, box, part, name, width) {
    drawCurve(context, xs, ys, box, { colour: colour(name), width, dash: DASHES[part] });
  }

  function drawRatio(context, order, box) {
    for (const level of [-1, 1]) {
      const y = Math.round(box.y(level)) + 0.5;
      context.strokeStyle = colour('star');
      context.setLineDash([6, 4]);
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(box.left, y);
      context.lineTo(box.left + box.width, y);
      context.stroke();
    }
    drawCurve(context, order.wavelength, order.ratio, box, { colour: colour('ink'), width: 1 });
    const [first, last] = visible(order.wavelength, box.xRange);
    const top = box.yRange[1];
    context.fillStyle = colour('model');
    for (let i = first; i < last; i += 1) {
      const r = order.ratio[i];
      if (Math.abs(r) > top) { diamond(context, box.x(order.wavelength[i]), box.y(Math.sign(r) * top * 0.93), 4); }
    }
  }

  function diamond(context, x, y, size) {
    context.beginPath();
    context.moveTo(x, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size, y);
    context.closePath();
    context.fill();
  }

  // Of all lines in view the strongest one in every few pixels.
  function marked() {
    const lines = fit.lines;
    const [first, last] = [lowerBound(lines.observed, view.low), lowerBound(lines.observed, view.high)];
    const best = new Map();
    for (let k = first; k < last; k += 1) {
      const cell = Math.floor(boxes.flux.x(lines.observed[k]) / 4);
      const other = best.get(cell);
      if (other === undefined || strength(k) > strength(other)) { best.set(cell, k); }
    }
    return Array.from(best.values());
  }

  function strength(k) {
    return fit.lines.width[k] || 0;
  }

  function drawMarks(context) {
    for (const k of marked()) {
      const x = boxes.flux.x(fit.lines.observed[k]);
      const telluric = fit.lines.telluric[k];
      const long = strength(k) > 20;
      context.strokeStyle = colour(telluric ? 'telluric' : 'star');
      context.fillStyle = context.strokeStyle;
      context.lineWidth = k === fit.line ? 3 : 1.3;
      if (fit.lines.status[k] === 1) { diamond(context, x, MARKS - 8, 4); continue; }
      context.beginPath();
      if (fit.lines.status[k] === 2) {
        context.moveTo(x - 3, MARKS - 11);
        context.lineTo(x + 3, MARKS - 5);
        context.moveTo(x + 3, MARKS - 11);
        context.lineTo(x - 3, MARKS - 5);
      } else if (telluric) {
        context.setLineDash([2, 1.5]);
        context.moveTo(x, MARKS - 2);
        context.lineTo(x, long ? 3 : 9);
      } else {
        context.moveTo(x, MARKS - 2);
        context.lineTo(x, long ? 3 : 9);
      }
      context.stroke();
      context.setLineDash([]);
    }
  }

  function showLine(context) {
    for (const k of partners(fit.line)) { stripe(context, k, 'rule', 1); }
    stripe(context, fit.line, 'model', 1.5);
  }

  function partners(line) {
    const blend = fit.lines.blend[line];
    if (!blend) { return []; }
    const out = [];
    for (let k = 0; k < fit.lines.blend.length; k += 1) {
      if (fit.lines.blend[k] === blend && k !== line) { out.push(k); }
    }
    return out;
  }

  function stripe(context, k, name, width) {
    const x = boxes.flux.x(fit.lines.observed[k]);
    if (x < boxes.flux.left || x > boxes.flux.left + boxes.flux.width) { return; }
    context.strokeStyle = colour(name);
    context.lineWidth = width;
    context.setLineDash([4, 4]);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, boxes.ratio.top + boxes.ratio.height);
    context.stroke();
    context.setLineDash([]);
  }

  function lineAt(x) {
    const lines = fit.lines;
    if (!lines.observed.length) { return null; }
    const scale = (view.high - view.low) / boxes.flux.width;
    const wanted = view.low + (x - boxes.flux.left) * scale;
    let best = null;
    const first = lowerBound(lines.observed, wanted - NEAR * scale);
    const last = lowerBound(lines.observed, wanted + NEAR * scale);
    for (let k = first; k < last; k += 1) {
      if (best === null || strength(k) > strength(best)) { best = k; }
    }
    return best;
  }

  function say(x) {
    const order = fit.orders[view.order];
    const wanted = view.low + (x - boxes.flux.left) / boxes.flux.width * (view.high - view.low);
    const i = nearest(order.wavelength, clamp(wanted, order.low, order.high));
    readout.textContent = pixelText(order, i);
  }

  function pixelText(order, i) {
    const together = fit.thinning > 1 ? ' (' + fit.thinning + ' pixels drawn as one)' : '';
    const start = fixed(order.wavelength[i], 3) + ' Å' + together + ': data ' + figures(order.flux[i], 4) + ' ± '
      + figures(order.uncertainty[i], 2) + ', model ' + figures(order.model[i], 4) + ', star '
      + fixed(order.star[i], 3) + ', telluric ' + fixed(order.telluric[i], 3);
    return start + (order.masked[i] ? ', not fitted' : ', residual ' + fixed(order.ratio[i], 1) + ' σ');
  }

  wirePanel(canvas, {
    box: () => boxes.flux,
    view,
    set: changed.range,
    say,
    hover: (x) => { const k = lineAt(x); if (k !== null) { changed.peek(k); } },
    choose: (x) => changed.line(lineAt(x)),
    key: changed.key,
  });
  return { draw };
}
