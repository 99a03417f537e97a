// A table of links as one stop of the Tab key: the arrow keys, Home and End move within it.

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** Make `table` one stop; the link that had the focus last, or the chosen one, is where it is entered. */
export function arrows(table) {
  const links = [...table.querySelectorAll("a")];
  const enter = (link) => links.forEach((other) => { other.tabIndex = other === link ? 0 : -1; });
  enter(table.querySelector("tbody a[aria-current]") ?? table.querySelector("tbody a"));
  table.addEventListener("focusin", (event) => enter(event.target));
  table.addEventListener("keydown", (event) => {
    const target = next(table, event);
    if (!target) return;
    event.preventDefault();
    target.focus();
  });
  return table;
}

/** The link that the key leads to: the nearest one in its direction. */
function next(table, { key, target, ctrlKey, altKey, metaKey }) {
  const cell = target.closest("td, th");
  if (!cell || ctrlKey || altKey || metaKey) return null;
  const linked = (row) => [...row.cells].filter((other) => other.querySelector("a"));
  if (key === "Home") return linked(cell.parentElement)[0]?.querySelector("a");
  if (key === "End") return linked(cell.parentElement).at(-1)?.querySelector("a");
  if (!(key in MOVES)) return null;
  const [down, right] = MOVES[key];
  for (let [row, column] = [cell.parentElement.rowIndex + down, cell.cellIndex + right]; table.rows[row]?.cells[column]; row += down, column += right) {
    const link = table.rows[row].cells[column].querySelector("a");
    if (link) return link;
  }
  return null;
}
