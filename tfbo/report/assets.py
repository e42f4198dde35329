"""Style of the page, and the script that sorts its table."""

# Pictures are drawn on white, and their captions say which colour means what: in the dark they stay on
# white cards, a little dimmed, as inverted colours would turn "darker is better" around.
STYLE = """
:root { color-scheme: light dark; --text: #1b1b1b; --page: #fff; --quiet: #5c5c5c; --line: #ddd;
  --faint: #eee; --raised: #f5f5f5; --head: #f2f2f2; --over: #e2ecf4; --accent: #0072b2; --bad: #a84a00;
  --warn: #fdf3e3; --dim: 1; }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e4e4e4; --page: #16181b; --quiet: #a8adb3; --line: #3a3f45; --faint: #2b2f34;
    --raised: #22262a; --head: #262b30; --over: #2c3d4b; --accent: #6cb8ec; --bad: #ff9a57;
    --warn: #3a2d14; --dim: 0.88; }
}
:root { color: var(--text); background: var(--page);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
body { margin: 0; }
main { max-width: 74rem; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
h1 { font-size: 1.9rem; margin: 1rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.5rem; border-bottom: 1px solid var(--line); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 0.6rem 1.2rem; }
dt { color: var(--quiet); font-size: 0.8rem; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
figure { margin: 0; }
figcaption, .remark, footer { color: var(--quiet); font-size: 0.9rem; }
img { max-width: 100%; height: auto; display: block; margin-top: 0.5rem; background: #fff;
  border-radius: 4px; filter: brightness(var(--dim)); }
.missing { background: var(--warn); border-left: 4px solid #e69f00; padding: 0.6rem 0.9rem; }
pre { background: var(--raised); padding: 0.7rem; overflow: auto; font-size: 0.85rem; max-height: 24rem; }
#best-dict { white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { padding: 0.2rem 0.7rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid var(--faint); }
.parameters th { text-align: left; font-weight: 400; color: var(--quiet); padding-left: 0; }
.parameters td, .parameters th { white-space: normal; overflow-wrap: anywhere; }
#next-outcomes { margin-top: 0.8rem; }
#next-outcomes th[scope=row], #next-outcomes .missing { text-align: left; }
.wide { overflow: auto; max-height: 85vh; border: 1px solid var(--line); }
#trials { min-width: 100%; font-size: 0.78rem; }
#trials th, #trials td { padding: 0.2rem 0.3rem; vertical-align: top; }
#trials thead th { position: sticky; top: 0; background: var(--head); cursor: pointer; user-select: none;
  white-space: normal; vertical-align: bottom; }
#trials thead th:hover, #trials thead th:focus-visible { background: var(--over); }
#trials th[aria-sort=ascending]::after { content: " ▲"; color: var(--accent); }
#trials th[aria-sort=descending]::after { content: " ▼"; color: var(--accent); }
#trials tbody tr:hover { background: var(--raised); }
#trials .failed td { color: var(--bad); }
#trials .text { text-align: left; }
#trials td.long { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; max-width: 28rem; }
details { margin: 0.4rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; }
@media print { .wide { max-height: none; overflow: visible; } }
"""

# Numbers are sorted as numbers (by their exact value, the title of a cell), then come texts, and what
# is empty comes last in either order.
SCRIPT = """
"use strict";
(() => {
  const table = document.getElementById("trials");
  if (!table) return;
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  function key(row, column) {
    const cell = row.cells[column];
    const text = cell.title || cell.textContent;
    const number = text === "" ? NaN : Number(text);
    return { row, text, number, kind: text === "" ? 2 : Number.isNaN(number) ? 1 : 0 };
  }
  function sort(head, column) {
    const turned = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", turned ? "descending" : "ascending");
    const sign = turned ? -1 : 1;
    const keys = Array.from(body.rows, row => key(row, column));
    keys.sort((a, b) => {
      if (a.kind === 2 || b.kind === 2) return a.kind - b.kind;
      if (a.kind !== b.kind) return sign * (a.kind - b.kind);
      if (a.kind === 0) return sign * (a.number - b.number);
      return sign * (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);
    });
    body.append(...keys.map(one => one.row));
  }
  heads.forEach((head, column) => {
    head.addEventListener("click", () => sort(head, column));
    head.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(head, column); }
    });
  });
})();
"""
