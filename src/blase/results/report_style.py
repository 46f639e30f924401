"""The style sheet of `report.html`: light and dark, wide and narrow, nothing fetched from anywhere."""

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1d2126; --soft: #5a626c; --rule: #d8dce1;
  --tint: #f4f6f8; --warn: #8a4b00; --warn-tint: #fff4e0; --data: #7d858e; --model: #c44e00;
  --star: #0068a8; --telluric: #00805d; --mask: #e69f00; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e4e7ea; --soft: #a3abb4;
  --rule: #363c43; --tint: #1d2125; --warn: #ffc773; --warn-tint: #33270f; --data: #8d959e;
  --model: #ff8a3d; --star: #64b5ee; --telluric: #3fcf9f; --mask: #e69f00; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, header, footer { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p, ul { max-width: 46rem; margin: .5rem 0; }
ul { padding-left: 1.3rem; }
li, code { overflow-wrap: anywhere; }
.lead { color: var(--soft); }
.warn { background: var(--warn-tint); color: var(--warn); border-left: 4px solid; padding: .5rem .9rem;
  margin: 1rem 0; max-width: 46rem; }
.wide { overflow-x: auto; margin: .8rem 0 1.2rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .35rem;
  max-width: min(46rem, calc(100vw - 2.5rem)); }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; white-space: nowrap; }
td { white-space: nowrap; }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: 13rem; }
figure { margin: 1rem 0 1.6rem; }
figure svg, figure img { display: block; width: 100%; height: auto; }
figure.small { max-width: 36rem; }
figure.paper img { background: #ffffff; padding: .4rem; }
figcaption { color: var(--soft); font-size: .9rem; max-width: 46rem; margin-top: .3rem; }
summary { cursor: pointer; color: var(--star); }
footer { color: var(--soft); font-size: .85rem; padding-top: 1.5rem; padding-bottom: 3rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; max-width: none; }
a { color: var(--star); }
@media (max-width: 46rem) { .plot { overflow-x: auto; } .plot svg, .plot img { min-width: 44rem; }
  .small svg { min-width: 0; } table { font-size: .82rem; } th, td { padding-right: .6rem; }
  tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 5.5rem; }
  td.text { min-width: 9rem; } }
@media print { .wide, .plot { overflow: visible; } nav { display: none; } }
"""
