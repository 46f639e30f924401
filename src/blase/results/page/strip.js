// The map of all orders: one row each, cells coloured by the rms of residual over sigma.
const WORST = 4;

function makeStrip(fit, go) {
  const canvas = document.getElementById('strip');
  const readout = document.getElementById('strip-readout');
  const rowHeight = clamp(Math.round(220 / fit.orders.length), 9, 30);
  let cursor = null;
  let cells = 1;
  let maps = [];
  let picture = null;
  const label = 58;

  function compute(count) {
    cells = count;
    maps = fit.orders.map((order) => {
      const sums = new Float64Array(count);
      const counts = new Float64Array(count);
      const span = order.high - order.low || 1;
      for (let i = 0; i < order.ratio.length; i += 1) {
        const r = order.ratio[i];
        if (!Number.isFinite(r)) { continue; }
        const cell = clamp(Math.floor(count * (order.wavelength[i] - order.low) / span), 0, count - 1);
        sums[cell] += r * r;
        counts[cell] += 1;
      }
      return sums.map((sum, k) => (counts[k] ? Math.sqrt(sum / counts[k]) : NaN));
    });
  }

  // The map itself is drawn once for a width and a set of colours, what moves upon it every time.
  function draw(view) {
    canvas.style.height = rowHeight * fit.orders.length + 2 + 'px';
    const { context, width, height } = prepare(canvas);
    const inner = width - label;
    const key = [width, window.devicePixelRatio, colour('paper')].join();
    if (!picture || picture.key !== key) {
      drawMap(context, inner);
      drawScale();
      picture = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height, key });
      picture.getContext('2d').drawImage(canvas, 0, 0);
    } else {
      context.drawImage(picture, 0, 0, width, height);
    }
    outline(context, inner, view.order, view.low, view.high, colour('model'), 2);
    if (cursor) {
      const order = fit.orders[cursor.order];
      const step = (order.high - order.low) / cells;
      outline(context, inner, cursor.order, cursor.at - step, cursor.at + step, colour('ink'), 1.5);
    }
  }

  function drawMap(context, inner) {
    const count = Math.max(20, Math.floor(inner / 4));
    if (count !== cells || !maps.length) { compute(count); }
    maps.forEach((map, row) => {
      const y = row * rowHeight + 1;
      context.fillStyle = colour('soft');
      context.textAlign = 'right';
      context.textBaseline = 'middle';
      if (rowHeight >= 11 || row % 2 === 0) {
        context.fillText('order ' + fit.orders[row].row, label - 6, y + rowHeight / 2);
      }
      map.forEach((value, k) => {
        context.fillStyle = Number.isFinite(value) ? scaleColour(value / WORST) : colour('tint');
        context.fillRect(label + inner * k / count, y, inner / count + 0.6, rowHeight - 1);
      });
    });
  }

  function outline(context, inner, number, low, high, stroke, thick) {
    const order = fit.orders[number];
    const span = order.high - order.low || 1;
    const left = label + inner * clamp((low - order.low) / span, 0, 1);
    const right = label + inner * clamp((high - order.low) / span, 0, 1);
    context.strokeStyle = stroke;
    context.lineWidth = thick;
    context.strokeRect(left, number * rowHeight + 0.5, Math.max(right - left, 4) - 1, rowHeight);
  }

  function drawScale() {
    const scale = document.getElementById('strip-scale');
    const { context, width, height } = prepare(scale);
    const bar = width - 60;
    for (let x = 0; x < bar; x += 1) {
      context.fillStyle = scaleColour(x / bar);
      context.fillRect(20 + x, 2, 1.5, height - 4);
    }
    context.fillStyle = colour('soft');
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    context.fillText('0', 15, height / 2);
    context.textAlign = 'left';
    context.fillText('≥ ' + WORST, bar + 26, height / 2);
  }

  function place(event) {
    const bounds = canvas.getBoundingClientRect();
    const number = clamp(Math.floor((event.clientY - bounds.top) / rowHeight), 0, fit.orders.length - 1);
    const order = fit.orders[number];
    const part = clamp((event.clientX - bounds.left - label) / (bounds.width - label), 0, 1);
    return { order: number, at: order.low + part * (order.high - order.low) };
  }

  function say(where) {
    const order = fit.orders[where.order];
    const cell = clamp(Math.floor(cells * (where.at - order.low) / (order.high - order.low || 1)), 0, cells - 1);
    readout.textContent = 'order ' + order.row + ' at ' + fixed(where.at, 2) + ' Å: rms residual '
      + fixed(maps[where.order][cell], 2) + ' σ';
  }

  function visit(where) {
    const order = fit.orders[where.order];
    const half = (order.high - order.low) / 16;
    go(where.order, where.at - half, where.at + half);
  }

  canvas.addEventListener('pointermove', (event) => say(place(event)));
  canvas.addEventListener('click', (event) => visit(place(event)));
  canvas.addEventListener('keydown', (event) => {
    if (!cursor) { cursor = { order: fit.view.order, at: (fit.view.low + fit.view.high) / 2 }; }
    const order = fit.orders[cursor.order];
    const step = (order.high - order.low) / cells;
    const moves = { ArrowLeft: [0, -4], ArrowRight: [0, 4], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === 'Enter') {
      visit(cursor);
    } else if (moves[event.key]) {
      const [rows, along] = moves[event.key];
      const part = (cursor.at - order.low) / (order.high - order.low || 1);
      const number = clamp(cursor.order + rows, 0, fit.orders.length - 1);
      const next = fit.orders[number];
      const at = rows ? next.low + part * (next.high - next.low) : cursor.at + along * step;
      cursor = { order: number, at: clamp(at, next.low, next.high) };
      say(cursor);
      draw(fit.view);
    } else {
      return;
    }
    event.preventDefault();
  });
  canvas.addEventListener('blur', () => { cursor = null; draw(fit.view); });
  return { draw };
}
