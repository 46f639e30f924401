// The regularisation curve: residuals and evidence against the factor on all prior widths.
// Differences of ln(evidence) are linear up to this size, logarithmic beyond.
const EVIDENCE_LINEAR = 10;

function squeeze(value) {
  const size = Math.abs(value) / EVIDENCE_LINEAR;
  return Math.sign(value) * (size <= 1 ? size : 1 + Math.log10(size));
}

function evidenceTicks(range) {
  const sizes = [1, 10, 100, 1000, 1e4, 1e5, 1e6].map((s) => s * EVIDENCE_LINEAR);
  return [...sizes.map((s) => -s), 0, ...sizes]
    .map((value) => ({ value: squeeze(value), text: figures(value, 2) }))
    .filter((tick) => tick.value >= range[0] && tick.value <= range[1]);
}

function makeCurve(curve) {
  const canvas = document.getElementById('curve');
  if (!canvas || !curve) { return { draw() {} }; }
  const readout = document.getElementById('curve-readout');
  const places = curve.factor.map(Math.log2);
  const evidence = curve.evidence.map(squeeze);
  let boxes = null;
  let at = curve.chosen;

  function layout(width, height) {
    const [left, gap, foot] = [58, 12, 44];
    const inner = width - left - 14;
    const whole = height - gap - foot - 22;
    const margin = 0.04 * (Math.max(...places) - Math.min(...places) || 1);
    const along = [Math.min(...places) - margin, Math.max(...places) + margin];
    const top = 1.15 * Math.max(...curve.fitted, ...curve.heldout.filter(Number.isFinite));
    const [low, high] = [Math.min(...evidence), Math.max(...evidence)];
    const room = 0.1 * (high - low || 1);
    return {
      residual: makeBox(left, 22, inner, 0.6 * whole, along, [0, top]),
      evidence: makeBox(left, 22 + 0.6 * whole + gap, inner, 0.4 * whole, along, [low - room, high + 3 * room]),
    };
  }

  function series(context, box, ys, name, mark) {
    drawCurve(context, places, ys, box, { colour: colour(name), width: 1.6 });
    context.fillStyle = colour(name);
    ys.forEach((y, k) => {
      if (Number.isFinite(y)) { mark(context, box.x(places[k]), box.y(y), k === at ? 6 : 4); }
    });
  }

  function upright(context, place, dash, name) {
    const x = boxes.residual.x(place);
    context.strokeStyle = colour(name);
    context.lineWidth = 1;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, boxes.residual.top);
    context.lineTo(x, boxes.evidence.top + boxes.evidence.height);
    context.stroke();
    context.setLineDash([]);
  }

  function draw() {
    const { context, width, height } = prepare(canvas);
    boxes = layout(width, height);
    drawFrame(context, boxes.residual, 'residual rms [%]');
    drawFrame(context, boxes.evidence, 'ln evidence − chosen', evidenceTicks(boxes.evidence.yRange));
    drawXAxis(context, boxes.evidence, 'factor on the prior widths of all lines',
      places.map((value, k) => ({ value, text: curve.label[k] })));
    context.textBaseline = 'bottom';
    [['left', 'no learning', 0], ['right', 'overfitting', 1]].forEach(([side, words, part]) => {
      context.textAlign = side;
      context.fillText(words, boxes.residual.left + part * boxes.residual.width, boxes.residual.top - 4);
    });
    upright(context, places[curve.chosen], [5, 4], 'ink');
    upright(context, places[at], [1, 3], 'soft');
    series(context, boxes.residual, curve.fitted, 'star', square);
    series(context, boxes.residual, curve.heldout, 'model', disc);
    series(context, boxes.evidence, evidence, 'telluric', disc);
  }

  function show(k) {
    at = clamp(k, 0, places.length - 1);
    const parts = ['residual on fitted pixels ' + fixed(curve.fitted[at], 3) + ' %'];
    if (Number.isFinite(curve.heldout[at])) { parts.push('on held-out ones ' + fixed(curve.heldout[at], 3) + ' %'); }
    parts.push('ln evidence ' + fixed(curve.evidence[at], 1) + ' from the chosen one');
    parts.push(fixed(curve.effective[at], 0) + ' effective parameters');
    readout.textContent = 'Widths × ' + curve.label[at] + (at === curve.chosen ? ' (chosen)' : '') + ': '
      + parts.join(', ') + '.';
    draw();
  }

  function nearestPoint(event) {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const distances = places.map((place) => Math.abs(boxes.residual.x(place) - x));
    return distances.indexOf(Math.min(...distances));
  }

  canvas.addEventListener('pointermove', (event) => show(nearestPoint(event)));
  canvas.addEventListener('pointerdown', (event) => show(nearestPoint(event)));
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step) { show(at + step); event.preventDefault(); }
  });
  show(at);
  return { draw };
}
