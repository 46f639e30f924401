// Every longer table of the page sorts by a column, by number where the cells are numbers.
function numberIn(text) {
  const found = text.replace(/−/g, '-').replace(/,/g, '').match(/[-+]?\d+(\.\d+)?(e[-+]?\d+)?/i);
  return found ? Number(found[0]) : NaN;
}

function compareTexts(a, b) {
  const x = numberIn(a);
  const y = numberIn(b);
  if (Number.isFinite(x) && Number.isFinite(y)) { return x - y; }
  if (Number.isFinite(x) !== Number.isFinite(y)) { return Number.isFinite(x) ? -1 : 1; }
  return a.localeCompare(b);
}

function headButton(cell, text, action) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'sort';
  button.textContent = text;
  cell.textContent = '';
  cell.append(button);
  button.addEventListener('click', action);
  return button;
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((cell, k) => headButton(cell, cell.textContent, () => {
    const down = cell.getAttribute('aria-sort') === 'ascending';
    heads.forEach((other) => other.removeAttribute('aria-sort'));
    cell.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const rows = Array.from(body.rows);
    rows.sort((a, b) => (down ? -1 : 1) * compareTexts(a.cells[k].textContent, b.cells[k].textContent));
    rows.forEach((row) => body.append(row));
  }));
}

function wireSorting() {
  for (const table of document.querySelectorAll('main table')) {
    if (table.id !== 'line-table' && table.tBodies[0].rows.length > 2) { makeSortable(table); }
  }
}
